"""A tenant of its own for each test, with a small org as `cox.org` would have told it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest

from services.activities.leads_known.rules import KnownLead
from services.activities.leads_known.tables import store_known
from shared.access.principal import Principal
from shared.access.roles import SCOPES, scopes_of, visibility_of
from shared.database.engine import make_engine
from shared.database.transactions import Access, Database
from shared.ids import new_id
from shared.settings import Settings
from tests.support.databases import Databases

BEFORE, MOVE_AT = datetime(2020, 1, 1, tzinfo=UTC), datetime(2026, 2, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Shop:
    """North (with Ann, and Mo who leads it) and South (with Bob) in one company; Ann came from South in
    2026.
    """

    app: Database
    worker: Database
    tenant_id: UUID
    root: UUID
    north: UUID
    south: UUID
    ann: UUID
    bob: UUID
    mo: UUID

    def principal(self, user_id: UUID | None, role: str = "rep") -> Principal:
        unit = {self.ann: self.north, self.mo: self.north, self.bob: self.south}.get(user_id or self.root)
        return Principal(
            self.tenant_id, user_id or new_id(), "user" if user_id else "api_key", user_id, frozenset({role}),
            scopes_of([role]) or frozenset(SCOPES), visibility_of([role]), unit or self.root, 1,
            is_rep=role == "rep",
        )  # fmt: skip

    async def lead(self, owner: UUID | None, creator: UUID | None = None, **dimensions: Any) -> UUID:
        return await self.known(new_id(), owner, creator, **dimensions)

    async def known(
        self, lead_id: UUID, owner: UUID | None, creator: UUID | None = None, **dimensions: Any
    ) -> UUID:
        team = {self.ann: self.north, self.bob: self.south}.get(owner) if owner else None
        lead = KnownLead(lead_id, owner, team, creator, **dimensions)
        async with self.worker.transaction() as tx:
            await store_known(tx, [(self.tenant_id, lead)])
        return lead_id


@pytest.fixture(scope="module")
async def engines(settings: Settings, databases: Databases) -> AsyncIterator[tuple[Database, Database]]:
    await databases.require("activities")
    app, worker = (
        Database(make_engine(settings, "activities", role, pool_size=5)) for role in ("app", "worker")
    )
    yield app, worker
    await app.dispose()
    await worker.dispose()


@pytest.fixture
async def shop(engines: tuple[Database, Database]) -> Shop:
    app, worker = engines
    made = Shop(app, worker, *(new_id() for _ in range(7)))
    t = made.tenant_id
    async with worker.transaction(Access(t)) as tx:
        run = tx.connection
        await run.execute("insert into org_tenants values ($1, 'Shop', 'Asia/Shanghai', 'CNY')", t)
        for unit, parent, kind, path in (
            (made.root, None, "company", [made.root]),
            (made.north, made.root, "region", [made.root, made.north]),
            (made.south, made.root, "region", [made.root, made.south]),
        ):
            code = {made.root: "root", made.north: "north", made.south: "south"}[unit]
            region = None if kind == "company" else code
            await run.execute(
                "insert into org_units values ($1, $2, $3, $4, $5, $5, true, $6, $7)",
                t, unit, parent, kind, code, path, region,
            )  # fmt: skip
            for depth, above in enumerate(reversed(path)):
                await run.execute("insert into org_closure values ($1, $2, $3, $4)", t, above, unit, depth)
        people = (
            (made.ann, made.north, "rep"),
            (made.bob, made.south, "rep"),
            (made.mo, made.north, "manager"),
        )
        for user, unit, role in people:
            await run.execute(
                "insert into org_users values ($1, $2, 'X', $3, $4, $5, $6, $7, true)",
                t, user, str(user), unit, [role], visibility_of([role]), role == "rep",
            )  # fmt: skip
            first = made.south if user == made.ann else unit
            await run.execute("insert into org_memberships values ($1, $2, '-infinity', $3)", t, user, first)
        await run.execute(
            "insert into org_memberships values ($1, $2, $3, $4)", t, made.ann, MOVE_AT, made.north
        )
    return made
