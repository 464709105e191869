"""A leads service in this process: its real database, its app by `build_app`, callers without a gateway."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import Any
from uuid import UUID

import asyncpg
import orjson
import pytest
from fastapi import FastAPI
from starlette.types import Scope

from services.leads.bootstrap import build_app, build_worker
from shared.access.principal import Principal
from shared.access.roles import ROLES
from shared.clock import SettableClock
from shared.ids import new_id
from shared.settings import Settings
from tests.support.asgi import Answer, Chunk, ask
from tests.support.databases import Databases

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)


@dataclass
class Desk:
    """A tenant of its own with an org: who works there, and callers for any of them."""

    app: FastAPI
    admin: asyncpg.Connection[asyncpg.Record]
    clock: SettableClock
    callers: dict[str, Principal]
    tenant_id: UUID = field(default_factory=new_id)
    units: dict[str, UUID] = field(default_factory=dict)
    users: dict[str, UUID] = field(default_factory=dict)

    async def open(self, timezone: str = "Asia/Shanghai", currency: str = "CNY") -> None:
        """Company -> two regions -> a team each, with two reps per team and a supervisor in the first."""
        await self.admin.execute(
            "insert into org_tenants values ($1, 'Desk', $2, $3)", self.tenant_id, timezone, currency
        )
        await self.unit("company", None, "company")
        for region in ("north", "south"):
            await self.unit(region, "company", "region")
            await self.unit(f"{region}-team", region, "team")
            for number in (1, 2):
                await self.user(f"{region}{number}", f"{region}-team")
        await self.user("boss", "north-team", role="supervisor", is_rep=False)
        await self.user("head", "company", role="admin", is_rep=False)

    async def unit(self, name: str, parent: str | None, kind: str) -> UUID:
        made = self.units[name] = new_id()
        row = "select path, region from org_units where tenant_id = $1 and id = $2"
        above = await self.admin.fetchrow(row, self.tenant_id, self.units[parent]) if parent else None
        path = [*(above["path"] if above else []), made]
        region = name if kind == "region" else above["region"] if above else None
        await self.admin.execute(
            "insert into org_units values ($1, $2, $3, $4, $5, $5, true, $6, $7)",
            self.tenant_id, made, self.units[parent] if parent else None, kind, name, path, region,
        )  # fmt: skip
        await self.admin.executemany(
            "insert into org_closure values ($1, $2, $3, $4)",
            [(self.tenant_id, one, made, len(path) - 1 - at) for at, one in enumerate(path)],
        )
        return made

    async def user(
        self, name: str, unit: str, *, role: str = "rep", is_rep: bool = True, active: bool = True
    ) -> UUID:
        made = self.users[name] = new_id()
        visibility = ROLES[role].visibility
        await self.admin.execute(
            "insert into org_users values ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
            self.tenant_id, made, name.title(), name, self.units[unit], [role], visibility, is_rep, active,
        )  # fmt: skip
        principal = Principal(
            tenant_id=self.tenant_id,
            id=made,
            kind="user",
            user_id=made,
            roles=frozenset({role}),
            scopes=ROLES[role].scopes,
            visibility=visibility,
            unit_id=self.units[unit],
            org_version=1,
            is_rep=is_rep,
        )
        self.callers[str(made)] = principal
        return made

    async def profile(
        self,
        name: str,
        level: str | None = None,
        capacity: int | None = None,
        timezone: str | None = None,
        **lists: list[str],
    ) -> None:
        """`lists`: skills, languages, territories."""
        told = [lists.get(each, []) for each in ("skills", "languages", "territories")]
        await self.admin.execute(
            "insert into org_profiles"
            " (tenant_id, user_id, level, capacity, timezone, skills, languages, territories)"
            " values ($1, $2, $3, $4, $5, $6, $7, $8)",
            self.tenant_id, self.users[name], level, capacity, timezone, *told,
        )  # fmt: skip

    async def absence(self, name: str, from_at: datetime, to_at: datetime) -> None:
        await self.admin.execute(
            "insert into org_absences (tenant_id, id, user_id, from_at, to_at) values ($1, $2, $3, $4, $5)",
            self.tenant_id, new_id(), self.users[name], from_at, to_at,
        )  # fmt: skip

    async def calendar(self, unit: str, days_off: list[date], worked: Sequence[date] = ()) -> None:
        """A unit works from Monday to Friday, nine to six, but not on these days, and on those worked."""
        office = [{"start_minute": 540, "end_minute": 1080}]
        week = [office] * 5 + [[], []]
        worked_days = [{"day": day.isoformat(), "hours": office} for day in worked]
        made = new_id()
        await self.admin.execute(
            "insert into org_calendars"
            " (tenant_id, id, name, timezone, week, days_off, worked_days, active)"
            " values ($1, $2, 'Calendar', 'Asia/Shanghai', $3, $4, $5, true)",
            self.tenant_id, made, orjson.dumps(week).decode(), days_off, orjson.dumps(worked_days).decode(),
        )  # fmt: skip
        await self.admin.execute(
            "update org_units set calendar_id = $3 where tenant_id = $1 and id = $2",
            self.tenant_id, self.units[unit], made,
        )  # fmt: skip

    async def __call__(self, name: str, method: str, target: str, json: Any = None, **headers: str) -> Answer:
        """A request of a user by name, or of another `service`; headers by name with `_` for `-`."""
        caller = str(self.users[name]) if name in self.users else self._service()
        sent = {"x-caller": caller} | {key.replace("_", "-"): value for key, value in headers.items()}
        return await ask(self.app, method, target, json=json, headers=sent)

    async def streamed(self, target: str, *chunks: Chunk) -> Answer:
        """A POST of another service whose body comes in these chunks."""
        return await ask(self.app, "POST", target, body=chunks, headers={"x-caller": self._service()})

    def _service(self) -> str:
        name = f"service-{self.tenant_id}"
        scopes = ROLES["admin"].scopes
        self.callers[name] = Principal(
            self.tenant_id, new_id(), "service", None, frozenset(), scopes, "tenant", None, 0
        )
        return name

    async def lead(self, by: str = "head", **fields: Any) -> dict[str, Any]:
        """A new lead, as answered."""
        answer = await self(by, "POST", "/v1/leads", {"name": "Anna Li"} | fields)
        assert answer.status == 201, answer
        made: dict[str, Any] = answer.json()
        return made

    async def events(self, lead_id: str) -> list[tuple[int, str, dict[str, Any]]]:
        """`(seq, last part of the type, data)` of what the journal holds of an aggregate."""
        rows = await self.admin.fetch(
            "select seq, type, payload from events where aggregate_id = $1 order by seq", UUID(lead_id)
        )
        return [(row["seq"], row["type"].split(".")[2], orjson.loads(row["payload"])) for row in rows]


@pytest.fixture(scope="module")
async def leads_app(
    settings: Settings, databases: Databases
) -> AsyncIterator[tuple[FastAPI, SettableClock, dict[str, Principal]]]:
    await databases.require("leads")
    clock = SettableClock(NOON)
    callers: dict[str, Principal] = {}

    async def authenticate(scope: Scope) -> Principal:
        return callers[dict(scope["headers"])[b"x-caller"].decode()]

    app = build_app(settings, authenticate=authenticate, clock=clock)
    async with app.router.lifespan_context(app):
        yield app, clock, callers


@pytest.fixture
async def desk(
    leads_app: tuple[FastAPI, SettableClock, dict[str, Principal]], databases: Databases
) -> AsyncIterator[Desk]:
    app, clock, callers = leads_app
    clock.at = NOON
    admin = await asyncpg.connect(databases.url("leads"))
    try:
        made = Desk(app, admin, clock, callers)
        await made.open()
        yield made
    finally:
        await admin.close()


@pytest.fixture
async def working(settings: Settings, topics: str, desk: Desk) -> AsyncIterator[Desk]:
    """The desk with a worker running beside it."""
    worker = build_worker(settings, clock=desk.clock)
    running = asyncio.create_task(worker.run())
    try:
        yield desk
    finally:
        await worker.stop()
        await running
