"""Leads that nobody answers are warned of and forgotten, once an admin says so and not before."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from services.leads.privacy.retention.reactions import retain_by
from services.leads.privacy.retention.use_cases import AT_ONCE
from shared.database.engine import make_engine
from shared.database.transactions import Database
from shared.events.backbone import Backbone
from shared.events.timing.timers import Timers
from shared.settings import Settings
from tests.integration.services.leads.conftest import NOON, Desk
from tests.integration.services.leads.passing import follow_up

PATH = "/v1/retention"
# Ids tell the real time: what is far ahead of any of them is long after all leads came.
NOW = NOON.replace(year=2040)
MONTH = timedelta(days=30)


@dataclass
class Passing:
    """Timers fire at their times, by the clock that tests set."""

    desk: Desk
    timers: Timers
    backbone: Backbone

    async def to(self, moment: datetime) -> None:
        due = "select min(fire_at) from timers where tenant_id = $1"
        while (first := await self.desk.admin.fetchval(due, self.desk.tenant_id)) and first <= moment:
            self.desk.clock.at = max(first, self.desk.clock.at)
            while await self.timers.fire_due(self.backbone):
                pass
        self.desk.clock.at = moment


@pytest.fixture
async def passing(desk: Desk, settings: Settings) -> AsyncIterator[Passing]:
    app, worker = (Database(make_engine(settings, "leads", role, pool_size=2)) for role in ("app", "worker"))
    timers = Timers()
    retain_by(timers, desk.clock)
    yield Passing(desk, timers, Backbone(settings, "leads", worker, app, clock=desk.clock))
    for database in (app, worker):
        await database.dispose()


async def keep(desk: Desk, months: int | None, warn_days: int = 30) -> dict[str, Any]:
    answer = await desk("head", "PUT", PATH, {"unanswered_months": months, "warn_days": warn_days})
    assert answer.status == 200, answer
    said: dict[str, Any] = answer.json()
    return said


async def is_erased(desk: Desk, lead: str) -> bool:
    seen = (await desk("head", "GET", f"/v1/leads/{lead}")).json()
    assert (seen["name"] is None) == (seen["erased_at"] is not None)
    return seen["erased_at"] is not None


async def warnings(desk: Desk, lead: str) -> list[str]:
    return [data["ends_at"] for _, kind, data in await desk.events(lead) if kind == "retention_warned"]


async def pending(desk: Desk, by: str = "head", more: str = "") -> list[str]:
    return [one["lead_id"] for one in (await desk(by, "GET", f"{PATH}/leads{more}")).json()["items"]]


class TestSaying:
    async def test_everything_is_kept_while_nobody_says_otherwise(self, desk: Desk, passing: Passing) -> None:
        lead = (await desk.lead())["id"]
        said = (await desk("north1", "GET", PATH)).json()
        assert said == {"unanswered_months": None, "warn_days": 30, "version": 0}
        await passing.to(NOW)
        assert not await is_erased(desk, lead)
        assert (
            await desk.admin.fetchval("select count(*) from timers where tenant_id = $1", desk.tenant_id) == 0
        )

    async def test_only_admins_say_it(self, desk: Desk) -> None:
        await desk.user("top", "company", role="director", is_rep=False)
        refused = await desk("top", "PUT", PATH, {"unanswered_months": 24})
        assert (refused.status, refused.code) == (403, "missing_scope")
        assert (await keep(desk, 24))["version"] == 1
        stale = await desk("head", "PUT", PATH, {"unanswered_months": 1}, if_match='"7"')
        assert stale.status == 412

    @pytest.mark.parametrize(
        "body", [{"unanswered_months": 0}, {"unanswered_months": 24, "warn_days": 0}, {}]
    )
    async def test_it_is_refused_when_it_makes_no_sense(self, desk: Desk, body: dict[str, int]) -> None:
        assert (await desk("head", "PUT", PATH, body)).status == 422


class TestEnding:
    async def test_the_owner_is_warned_and_then_it_is_forgotten(self, desk: Desk, passing: Passing) -> None:
        lead = (await desk.lead(phone="13800000001"))["id"]
        owner = {"owner_id": str(desk.users["north1"])}
        await desk("head", "POST", f"/v1/leads/{lead}/assign", owner)
        desk.clock.at = NOW
        await keep(desk, 24)
        await passing.to(NOW + timedelta(days=29))
        assert await pending(desk, "north1") == [lead]
        assert await pending(desk, "south1") == []
        [end] = await warnings(desk, lead)
        assert datetime.fromisoformat(end) == NOW + timedelta(days=30)
        _, _, data = next(one for one in await desk.events(lead) if one[1] == "retention_warned")
        assert data["credit"]["rep_id"] == str(desk.users["north1"])
        assert not await is_erased(desk, lead)
        await passing.to(NOW + timedelta(days=30))
        assert await is_erased(desk, lead)
        assert await pending(desk) == []
        left = "select count(*) from timers where tenant_id = $1 and kind = 'leads.retention_of_lead'"
        assert await desk.admin.fetchval(left, desk.tenant_id) == 0

    async def test_a_sign_of_life_puts_it_off(self, desk: Desk, passing: Passing) -> None:
        called, idle = [(await desk.lead())["id"] for _ in range(2)]
        desk.clock.at = NOW
        await keep(desk, 24)
        await passing.to(NOW + timedelta(days=20))
        await follow_up(desk, called, NOW + timedelta(days=19))
        await follow_up(desk, idle, NOW + timedelta(days=19), effective=False)
        await passing.to(NOW + 6 * MONTH)
        assert [await is_erased(desk, lead) for lead in (called, idle)] == [False, True]
        assert await pending(desk) == []
        await passing.to(NOW + timedelta(days=19) + 25 * MONTH)
        assert await is_erased(desk, called)
        assert len(await warnings(desk, called)) == 2

    async def test_agreeing_and_moving_are_signs_too(self, desk: Desk, passing: Passing) -> None:
        agreed, moved = [(await desk.lead())["id"] for _ in range(2)]
        desk.clock.at = NOW
        said = {"purposes": ["contact"], "how": "call"}
        assert (await desk("head", "POST", f"/v1/leads/{agreed}/consents", said)).status == 200
        assert (await desk("head", "POST", f"/v1/leads/{moved}/move", {"to": "lost"})).status == 200
        await keep(desk, 24)
        await passing.to(NOW + 20 * MONTH)
        assert [await is_erased(desk, lead) for lead in (agreed, moved)] == [False, False]
        await passing.to(NOW + 26 * MONTH)
        assert [await is_erased(desk, lead) for lead in (agreed, moved)] == [True, True]

    async def test_what_was_won_is_kept(self, desk: Desk, passing: Passing) -> None:
        lead = (await desk.lead())["id"]
        await desk("head", "POST", f"/v1/leads/{lead}/move", {"to": "won"})
        desk.clock.at = NOW
        await keep(desk, 1, 1)
        await passing.to(NOW + 6 * MONTH)
        assert not await is_erased(desk, lead)
        await desk("head", "POST", f"/v1/leads/{lead}/move", {"to": "lost"})
        await passing.to(NOW + 12 * MONTH)
        assert await is_erased(desk, lead)

    async def test_what_was_merged_goes_with_what_it_is_a_part_of(self, desk: Desk, passing: Passing) -> None:
        part, whole = [(await desk.lead())["id"] for _ in range(2)]
        merged = await desk("head", "POST", f"/v1/leads/{part}/merge", {"into": whole})
        assert merged.status == 200, merged
        desk.clock.at = NOW
        await keep(desk, 24)
        await passing.to(NOW + 2 * MONTH)
        assert [await is_erased(desk, lead) for lead in (part, whole)] == [True, True]

    async def test_what_was_said_of_a_part_is_a_sign_of_the_whole(self, desk: Desk, passing: Passing) -> None:
        part, whole = [(await desk.lead())["id"] for _ in range(2)]
        desk.clock.at = NOW
        said = {"purposes": ["contact"], "how": "call"}
        assert (await desk("head", "POST", f"/v1/leads/{part}/consents", said)).status == 200
        merged = await desk("head", "POST", f"/v1/leads/{part}/merge", {"into": whole})
        assert merged.status == 200, merged
        await keep(desk, 24)
        await passing.to(NOW + 20 * MONTH)
        assert not await is_erased(desk, whole)
        await passing.to(NOW + 26 * MONTH)
        assert await is_erased(desk, whole)

    async def test_all_are_met_when_they_are_many_and_those_to_come(
        self, desk: Desk, passing: Passing
    ) -> None:
        items = [{"name": f"Lead {n}"} for n in range(AT_ONCE + 1)]
        assert (await desk("head", "POST", "/v1/leads/batch", {"items": items})).json()["failed"] == 0
        desk.clock.at = NOW
        await keep(desk, 24)
        later = (await desk.lead())["id"]
        await passing.to(NOW + 2 * MONTH)
        query = "select count(*) from leads where tenant_id = $1 and erased_at is not null"
        assert await desk.admin.fetchval(query, desk.tenant_id) == len(items)
        await passing.to(NOW + 30 * MONTH)
        assert await is_erased(desk, later)

    async def test_nothing_ends_when_it_is_switched_off_in_time(self, desk: Desk, passing: Passing) -> None:
        lead = (await desk.lead())["id"]
        desk.clock.at = NOW
        await keep(desk, 24)
        await passing.to(NOW + timedelta(days=20))
        await keep(desk, None)
        assert await pending(desk) == []
        await passing.to(NOW + 12 * MONTH)
        assert not await is_erased(desk, lead)
        # Switched on again, everybody is warned anew.
        await keep(desk, 24)
        await passing.to(NOW + 12 * MONTH + timedelta(days=29))
        assert not await is_erased(desk, lead)
        await passing.to(NOW + 12 * MONTH + timedelta(days=31))
        assert await is_erased(desk, lead)
        assert len(await warnings(desk, lead)) == 2

    async def test_other_tenants_keep_theirs(self, desk: Desk, passing: Passing) -> None:
        other = Desk(desk.app, desk.admin, desk.clock, desk.callers)
        await other.open()
        lead = UUID((await other.lead())["id"])
        desk.clock.at = NOW
        await keep(desk, 1, 1)
        await passing.to(NOW + 6 * MONTH)
        assert not await is_erased(other, str(lead))
