"""Time that passes in the leads service: reactions plan, timers fire, by a clock that tests set."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest

from services.leads.pools.recycling.reactions import recycling_timers
from services.leads.pools.recycling.use_cases import plan_leads, plan_pool_anew
from shared.database.engine import make_engine
from shared.database.transactions import Access, Database
from shared.events.backbone import Backbone
from shared.events.timing.timers import Timers
from shared.ids import new_id
from shared.settings import Settings
from tests.integration.services.leads.conftest import Desk
from tests.integration.services.leads.pools.test_pool import claim, pooled

SHANGHAI = ZoneInfo("Asia/Shanghai")
SEVEN = {"follow_up_days": 7, "warn_days": [3, 1]}


def at(month: int, day: int, hour: int = 10, minute: int = 0) -> datetime:
    return datetime(2026, month, day, hour, minute, tzinfo=SHANGHAI)


@dataclass
class Time:
    """What the worker does: reactions plan, timers fire."""

    desk: Desk
    app: Database
    backbone: Backbone
    timers: Timers

    async def plan(self, *leads: str) -> None:
        async with self.app.transaction(Access(self.desk.tenant_id)) as tx:
            await plan_leads(tx, self.desk.tenant_id, [UUID(lead) for lead in leads])

    async def move(self, lead: str, to: str, by: str = "north1") -> None:
        """Its owner moves it, and the reaction to that plans."""
        was = (await self.desk(by, "GET", f"/v1/leads/{lead}")).json()["stage"]
        answer = await self.desk(by, "POST", f"/v1/leads/{lead}/move", {"to": to})
        assert answer.status == 200, answer
        async with self.app.transaction(Access(self.desk.tenant_id)) as tx:
            await plan_leads(tx, self.desk.tenant_id, [], left=[(UUID(lead), was)])

    async def plan_anew(self, pool: dict[str, Any]) -> None:
        async with self.app.transaction(Access(self.desk.tenant_id)) as tx:
            await plan_pool_anew(tx, UUID(pool["id"]), self.desk.clock.at)
        await self.fire()

    async def pass_to(self, moment: datetime) -> None:
        """Every timer due until then fires at its own time."""
        due = "select min(fire_at) from timers where tenant_id = $1"
        while (first := await self.desk.admin.fetchval(due, self.desk.tenant_id)) and first <= moment:
            self.desk.clock.at = max(first, self.desk.clock.at)
            await self.fire()
        self.desk.clock.at = moment

    async def fire(self) -> None:
        while await self.timers.fire_due(self.backbone):
            pass


@pytest.fixture
async def time(desk: Desk, settings: Settings) -> AsyncIterator[Time]:
    app, worker = (Database(make_engine(settings, "leads", role, pool_size=2)) for role in ("app", "worker"))
    backbone = Backbone(settings, "leads", worker, app, clock=desk.clock)
    yield Time(desk, app, backbone, recycling_timers(desk.clock))
    for database in (app, worker):
        await database.dispose()


async def holidays(desk: Desk) -> None:
    await desk.calendar("company", days_off=[date(2026, 2, day) for day in range(15, 24)])


async def in_hand(desk: Desk, time: Time, pool: dict[str, Any]) -> str:
    lead = await pooled(desk, pool)
    await claim(desk, "north1", lead)
    await time.plan(lead)
    return lead


async def follow_up(desk: Desk, lead: str, moment: datetime, *, effective: bool = True) -> None:
    """As the projection of activities stores it."""
    await desk.admin.execute(
        "insert into lead_activities (tenant_id, lead_id, activity_id, kind, at, effective)"
        " values ($1, $2, $3, 'call', $4, $5)",
        desk.tenant_id, UUID(lead), new_id(), moment, effective,
    )  # fmt: skip


async def story(desk: Desk, lead: str) -> list[tuple[str, datetime]]:
    """Warnings and returns, with their times."""
    rows = await desk.admin.fetch(
        "select type, occurred_at from events where aggregate_id = $1 and type similar to"
        " 'cox.leads.(recycle_warned|lead_pooled)%' order by seq",
        UUID(lead),
    )
    return [(row["type"].split(".")[2], row["occurred_at"]) for row in rows]
