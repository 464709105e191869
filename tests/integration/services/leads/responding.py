"""What tests of the first response say: rules, leads in hand, and the time that passes."""

from __future__ import annotations

import asyncio
from datetime import datetime
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from services.leads.follow_up.first_response.starting import start_clocks
from services.leads.follow_up.first_response.use_cases import heed
from shared.database.transactions import Access
from shared.ids import new_id
from shared.settings import Settings
from tests.integration.services.leads.assigning.test_assignment import react, rule, users
from tests.integration.services.leads.conftest import Desk
from tests.integration.services.leads.passing import Time

SHANGHAI = ZoneInfo("Asia/Shanghai")
FORM = {
    "name": "Web form",
    "conditions": {"source": ["web_form"]},
    "due_minutes": 15,
    "warn_minutes": 12,
    "escalate": [{"after_minutes": 15, "to": "supervisor"}],
    "reassign_after_minutes": 75,
}
EVE = datetime(2026, 2, 14, 17, 50, tzinfo=SHANGHAI)


def at(day: int, hour: int, minute: int = 0) -> datetime:
    return datetime(2026, 2, day, hour, minute, tzinfo=SHANGHAI)


class Answering(Time):
    """What the worker does, reactions to new owners included."""

    async def fire(self) -> None:
        await super().fire()
        rows = await self.desk.admin.fetch("select id from leads where tenant_id = $1", self.desk.tenant_id)
        await self.start(*(str(row["id"]) for row in rows))

    async def rest(self) -> None:
        """Until no timer is due; the limit is a hang guard."""
        due = "select exists (select from timers where tenant_id = $1 and fire_at <= $2)"
        async with asyncio.timeout(120):
            asked = due, self.desk.tenant_id, self.desk.clock.at
            while await self.desk.admin.fetchval(*asked):  # noqa: ASYNC110 - timers tell nobody
                await asyncio.sleep(0.02)

    async def start(self, *leads: str) -> None:
        async with self.app.transaction(Access(self.desk.tenant_id)) as tx:
            ids = [UUID(lead) for lead in leads]
            await start_clocks(tx, self.desk.tenant_id, ids, self.desk.clock.at)

    async def call(
        self,
        lead: str,
        by: str,
        moment: datetime,
        *,
        effective: bool = True,
        kind: str = "call",
        seen: bool = True,
    ) -> None:
        """As the projection of activities stores it, at that time and heeded if `seen`."""
        if seen:
            await self.pass_to(moment)
        await self.desk.admin.execute(
            "insert into lead_activities (tenant_id, lead_id, activity_id, kind, at, duration_s, effective,"
            " rep_id) values ($1, $2, $3, $4, $5, 42, $6, $7)",
            self.desk.tenant_id, UUID(lead), new_id(), kind, moment, effective, self.desk.users[by],
        )  # fmt: skip
        if seen:
            async with self.backbone.worker.transaction() as tx:
                await heed(tx, [(self.desk.tenant_id, UUID(lead))], moment)
            await self.fire()


async def define(desk: Desk, **fields: Any) -> dict[str, Any]:
    answer = await desk("head", "POST", "/v1/response-rules", FORM | fields)
    assert answer.status == 201, answer
    made: dict[str, Any] = answer.json()
    return made


async def given(desk: Desk, settings: Settings, time: Answering, **fields: Any) -> str:
    """A lead of the web form that the rules give to north1; later ones to north2."""
    await rule(desk, candidates=users(desk, "north1", "north2"))
    lead = await desk.lead(**{"source": "web_form"} | fields)
    await react(desk, settings, lead)
    await time.start(lead["id"])
    made: str = lead["id"]
    return made


async def story(desk: Desk, lead: str) -> list[tuple[str, datetime]]:
    """What the journal tells of the lead after its first assignment."""
    rows = await desk.admin.fetch(
        "select type, occurred_at from events where aggregate_id = $1 and seq > 2 order by seq", UUID(lead)
    )
    return [(row["type"].split(".")[2], row["occurred_at"]) for row in rows]


async def shown(desk: Desk, lead: str, by: str = "head") -> dict[str, Any]:
    answer = await desk(by, "GET", f"/v1/leads/{lead}/response")
    assert answer.status == 200, answer
    made: dict[str, Any] = answer.json()
    return made


def moments(clock: dict[str, Any], which: str) -> dict[str, datetime | None]:
    """`planned_at` or `happened_at` by step."""
    return {
        step["what"]: datetime.fromisoformat(step[which]) if step[which] else None for step in clock["steps"]
    }
