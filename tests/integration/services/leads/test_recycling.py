"""Warned, taken back, dormant: on the real timers, by a clock that tests set. Scenario 2."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest

from services.leads.recycling.reactions import recycling_timers
from services.leads.recycling.use_cases import AT_ONCE, plan_leads, plan_pool_anew
from shared.database.engine import make_engine
from shared.database.transactions import Access, Database
from shared.events.backbone import Backbone
from shared.events.timing.timers import Timers
from shared.ids import new_id
from shared.settings import Settings
from tests.integration.services.leads.conftest import Desk
from tests.integration.services.leads.test_pool import claim, claimed, make_pool, pooled, release
from tests.integration.services.leads.test_progress import loads

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


class TestSpringFestival:
    async def test_warned_twice_then_taken_back_when_nobody_follows_up(self, desk: Desk, time: Time) -> None:
        await holidays(desk)
        desk.clock.at = at(2, 10)
        lead = await in_hand(desk, time, await make_pool(desk, keeping=SEVEN, cooling_days=7))
        shown = (await desk("north1", "GET", f"/v1/leads/{lead}/keeping")).json()
        assert (datetime.fromisoformat(shown["ends_at"]), shown["why"]) == (at(2, 26), "no_follow_up")
        # What is no effective follow-up changes nothing.
        await follow_up(desk, lead, at(2, 12), effective=False)
        await desk("north1", "PATCH", f"/v1/leads/{lead}", {"name": "Edited"})
        await time.pass_to(at(2, 27))
        assert (await story(desk, lead))[1:] == [
            ("recycle_warned", at(2, 14)), ("recycle_warned", at(2, 25)), ("lead_pooled", at(2, 26)),
        ]  # fmt: skip
        assert (await loads(desk)) == {"north1": 0}
        data = (await desk.events(lead))[-1][2]
        assert (data["why"], data["previous_owner_id"]) == ("no_follow_up", str(desk.users["north1"]))
        desk.clock.at = at(3, 5, 9, 59)
        assert await claimed(desk, "north1", lead) == "cooling_off"
        desk.clock.at = at(3, 5)
        assert await claimed(desk, "north1", lead) == "yes"

    async def test_planned_anew_when_a_call_counts(self, desk: Desk, time: Time) -> None:
        await holidays(desk)
        desk.clock.at = at(2, 10)
        lead = await in_hand(desk, time, await make_pool(desk, keeping=SEVEN))
        await time.pass_to(at(2, 24, 23))
        await follow_up(desk, lead, at(2, 25, 9))
        shown = (await desk("north1", "GET", f"/v1/leads/{lead}/keeping")).json()
        assert datetime.fromisoformat(shown["ends_at"]) == at(3, 4, 9)
        await time.pass_to(at(3, 4, 9))
        assert (await story(desk, lead))[1:] == [
            ("recycle_warned", at(2, 14)), ("recycle_warned", at(3, 1, 9)), ("recycle_warned", at(3, 3, 9)),
            ("lead_pooled", at(3, 4, 9)),
        ]  # fmt: skip

    async def test_planned_anew_when_the_rule_becomes_shorter(self, desk: Desk, time: Time) -> None:
        await holidays(desk)
        desk.clock.at = at(2, 10)
        pool = await make_pool(desk, keeping=SEVEN)
        lead = await in_hand(desk, time, pool)
        desk.clock.at = at(2, 12)
        await desk("head", "PATCH", f"/v1/pools/{pool['id']}", {"keeping": {"follow_up_days": 5}})
        await time.plan_anew(pool)
        await time.pass_to(at(2, 25))
        assert (await story(desk, lead))[1:] == [("lead_pooled", at(2, 24))]


class TestWarning:
    async def test_it_is_given_once_and_late_when_its_date_was_planned_anew_meanwhile(
        self, desk: Desk, time: Time
    ) -> None:
        desk.clock.at = at(3, 2)
        lead = await in_hand(desk, time, await make_pool(desk, keeping=SEVEN))
        # An event is applied late: its date is over, and nobody has warned.
        desk.clock.at = at(3, 6, 11)
        await time.plan(lead)
        await time.fire()
        await time.plan(lead)
        await time.pass_to(at(3, 7))
        assert (await story(desk, lead))[1:] == [("recycle_warned", at(3, 6, 11))]

    async def test_only_the_last_is_given_when_several_were_missed(self, desk: Desk, time: Time) -> None:
        desk.clock.at = at(3, 2)
        lead = await in_hand(desk, time, await make_pool(desk, keeping=SEVEN))
        desk.clock.at = at(3, 8, 11)
        await time.fire()
        await time.pass_to(at(3, 9))
        assert (await story(desk, lead))[1:] == [
            ("recycle_warned", at(3, 8, 11)), ("lead_pooled", at(3, 9)),
        ]  # fmt: skip


class TestPlanning:
    async def test_an_accepted_move_is_follow_up_and_a_closed_lead_stays(
        self, desk: Desk, time: Time
    ) -> None:
        desk.clock.at = at(3, 2)
        pool = await make_pool(desk, keeping={"follow_up_days": 7})
        moved, won = await in_hand(desk, time, pool), await in_hand(desk, time, pool)
        desk.clock.at = at(3, 5)
        await desk("north1", "POST", f"/v1/leads/{moved}/move", {"to": "needs_analysis"})
        await desk("north1", "POST", f"/v1/leads/{won}/move", {"to": "won"})
        await time.pass_to(at(3, 20))
        assert (await story(desk, moved))[1:] == [("lead_pooled", at(3, 12))]
        assert (await story(desk, won))[1:] == []
        # Reopened it has its whole term again, however long it has been in these hands.
        await desk("north1", "POST", f"/v1/leads/{won}/move", {"to": "needs_analysis"})
        await time.plan(won)
        await time.pass_to(at(4, 20))
        assert (await story(desk, won))[1:] == [("lead_pooled", at(3, 27))]

    async def test_a_new_owner_has_the_whole_term(self, desk: Desk, time: Time) -> None:
        desk.clock.at = at(3, 2)
        lead = await in_hand(desk, time, await make_pool(desk, keeping={"follow_up_days": 7}))
        desk.clock.at = at(3, 8)
        await desk("head", "POST", f"/v1/leads/{lead}/assign", {"owner_id": str(desk.users["south1"])})
        await time.plan(lead)
        await time.pass_to(at(3, 30))
        assert (await story(desk, lead))[1:] == [("lead_pooled", at(3, 15))]

    async def test_nothing_comes_due_when_it_was_given_back_before(self, desk: Desk, time: Time) -> None:
        desk.clock.at = at(3, 2)
        lead = await in_hand(desk, time, await make_pool(desk, keeping={"follow_up_days": 7}))
        desk.clock.at = at(3, 3)
        await release(desk, "north1", lead)
        await time.plan(lead)
        await time.pass_to(at(3, 30))
        assert (await story(desk, lead))[1:] == [("lead_pooled", at(3, 3))]

    async def test_the_default_pool_s_terms_hold_when_the_lead_came_from_none(
        self, desk: Desk, time: Time
    ) -> None:
        desk.clock.at = at(3, 2)
        await make_pool(desk, name="other", keeping={"follow_up_days": 2})
        pool = await make_pool(desk, is_default=True, keeping={"first_follow_up_days": 1})
        lead = await desk.lead()
        await desk("head", "POST", f"/v1/leads/{lead['id']}/assign", {"owner_id": str(desk.users["south1"])})
        await time.plan(lead["id"])
        shown = (await desk("south1", "GET", f"/v1/leads/{lead['id']}/keeping")).json()
        assert (shown["pool_id"], shown["why"]) == (pool["id"], "no_first_follow_up")
        await time.pass_to(at(3, 4))
        seen = (await desk("head", "GET", f"/v1/leads/{lead['id']}")).json()
        assert (seen["pool_id"], seen["owner_id"]) == (pool["id"], None)

    async def test_it_sleeps_when_it_came_back_too_often(self, desk: Desk, time: Time) -> None:
        desk.clock.at = at(3, 2)
        dormant = await make_pool(desk, name="沉默池")
        keeping = {"follow_up_days": 7, "dormant_pool_id": dormant["id"], "dormant_after": 2}
        pool = await make_pool(desk, keeping=keeping, cooling_days=1)
        lead = await pooled(desk, pool)
        seen = []
        for name in ("north1", "south1"):
            await claim(desk, name, lead)
            await time.plan(lead)
            await time.pass_to(desk.clock.at + timedelta(days=8))
            seen.append((await desk("head", "GET", f"/v1/leads/{lead}")).json()["pool_id"])
        assert seen == [pool["id"], dormant["id"]]

    async def test_it_goes_back_where_it_came_from_when_the_dormant_pool_is_off(
        self, desk: Desk, time: Time
    ) -> None:
        desk.clock.at = at(3, 2)
        dormant = await make_pool(desk, name="dormant")
        keeping = {"follow_up_days": 7, "dormant_pool_id": dormant["id"], "dormant_after": 1}
        pool = await make_pool(desk, keeping=keeping)
        lead = await in_hand(desk, time, pool)
        await desk("head", "PATCH", f"/v1/pools/{dormant['id']}", {"active": False})
        await time.pass_to(at(3, 10))
        assert (await desk("head", "GET", f"/v1/leads/{lead}")).json()["pool_id"] == pool["id"]

    async def test_every_lead_in_hand_is_planned_when_there_are_more_than_one_turn_takes(
        self, desk: Desk, time: Time
    ) -> None:
        desk.clock.at = at(3, 2)
        pool = await make_pool(desk, is_default=True)
        items = [{"name": f"Lead {number}"} for number in range(AT_ONCE + 5)]
        made = (await desk("head", "POST", "/v1/leads/batch", {"items": items})).json()["items"]
        owner = str(desk.users["south1"])
        for item in made:
            await desk("head", "POST", f"/v1/leads/{item['id']}/assign", {"owner_id": owner})
        await desk("head", "PATCH", f"/v1/pools/{pool['id']}", {"keeping": {"follow_up_days": 3}})
        await time.plan_anew(pool)
        planned = "select count(distinct aggregate_id) from timers where tenant_id = $1 and kind = $2"
        assert await desk.admin.fetchval(planned, desk.tenant_id, "leads.recycling") == AT_ONCE + 5

    async def test_nothing_is_planned_when_the_past_says_who_owns_it(self, desk: Desk, time: Time) -> None:
        pool = await make_pool(desk, is_default=True, keeping={"follow_up_days": 7})
        lead = await desk.lead()
        await desk("head", "POST", f"/v1/leads/{lead['id']}/assign", {"owner_id": str(desk.users["north1"])})
        await desk.admin.execute(
            "update assignments set how = 'import', at = at - interval '1 year' where lead_id = $1",
            UUID(lead["id"]),
        )
        await time.plan_anew(pool)
        await time.pass_to(desk.clock.at + timedelta(days=30))
        assert (await desk("head", "GET", f"/v1/leads/{lead['id']}")).json()["version"] == 2

    async def test_all_is_null_when_its_owner_keeps_it(self, desk: Desk, time: Time) -> None:
        await make_pool(desk, is_default=True)
        lead = await desk.lead("north1")
        answer = await desk("north1", "GET", f"/v1/leads/{lead['id']}/keeping")
        assert answer.json() == {"pool_id": None, "ends_at": None, "why": None, "warnings": []}
        assert (await desk("south1", "GET", f"/v1/leads/{lead['id']}/keeping")).code == "unknown_lead"


class TestExtending:
    async def test_a_superior_gives_more_time_once_and_a_rep_does_not(self, desk: Desk, time: Time) -> None:
        desk.clock.at = at(3, 2)
        pool = await make_pool(desk, keeping={"follow_up_days": 7, "extension_days": 15})
        lead = await in_hand(desk, time, pool)
        path = f"/v1/leads/{lead}/extension"
        refused = await desk("north1", "POST", path)
        assert (refused.status, refused.code) == (403, "extension_not_allowed")
        longer = await desk("boss", "POST", path, {"reason": "trade fair"})
        assert (longer.status, datetime.fromisoformat(longer.json()["ends_at"])) == (200, at(3, 24))
        assert (await desk("boss", "POST", path)).code == "extended_before"
        await time.pass_to(at(3, 30))
        assert (await story(desk, lead))[1:] == [("lead_pooled", at(3, 24))]
        # In other hands it is another term.
        await claim(desk, "north2", lead)
        assert (await desk("boss", "POST", path)).status == 200

    async def test_there_is_nothing_to_extend_when_the_terms_say_nothing_of_it(
        self, desk: Desk, time: Time
    ) -> None:
        lead = await in_hand(desk, time, await make_pool(desk, keeping={"follow_up_days": 7}))
        assert (await desk("boss", "POST", f"/v1/leads/{lead}/extension")).code == "nothing_to_extend"
        assert (await desk("head", "POST", f"/v1/leads/{new_id()}/extension")).code == "unknown_lead"

    async def test_who_brought_it_in_keeps_it_longer(self, desk: Desk, time: Time) -> None:
        desk.clock.at = at(3, 2)
        await make_pool(desk, is_default=True, keeping={"follow_up_days": 7, "protection_days": 30})
        lead = await desk.lead("north1")
        await desk(
            "north1", "POST", f"/v1/leads/{lead['id']}/assign", {"owner_id": str(desk.users["north1"])}
        )
        shown = (await desk("north1", "GET", f"/v1/leads/{lead['id']}/keeping")).json()
        assert datetime.fromisoformat(shown["ends_at"]) == at(4, 1)


class TestDefining:
    async def test_is_refused_when_terms_cannot_work(self, desk: Desk) -> None:
        pool = await make_pool(desk)
        off = await make_pool(desk, name="off")
        await desk("head", "PATCH", f"/v1/pools/{off['id']}", {"active": False})
        path = f"/v1/pools/{pool['id']}"
        dormant = {"follow_up_days": 3, "dormant_after": 2}
        for keeping, pointer in (
            ({}, "/keeping"),
            ({"follow_up_days": 3, "warn_days": [7]}, "/keeping/warn_days/0"),
            (dormant, "/keeping/dormant_after"),
            (dormant | {"dormant_pool_id": pool["id"]}, "/keeping/dormant_pool_id"),
            (dormant | {"dormant_pool_id": off["id"]}, "/keeping/dormant_pool_id"),
        ):
            answer = await desk("head", "PATCH", path, {"keeping": keeping})
            assert (answer.status, answer.code, answer.pointers) == (422, "keeping_impossible", [pointer])

    async def test_shows_the_terms_as_given(self, desk: Desk) -> None:
        keeping = {
            "first_follow_up_days": 1, "follow_up_days": 7, "deal_days": 60, "warn_days": [3, 1],
            "special": [
                {"first_follow_up_days": None, "follow_up_days": 14, "deal_days": 90, "products": ["crm"],
                 "tags": ["重点"]},
            ],
            "protection_days": 30, "extension_days": 15, "dormant_pool_id": None, "dormant_after": None,
            "paused_stages": [],
        }  # fmt: skip
        pool = await make_pool(desk, keeping=keeping)
        assert pool["keeping"] == keeping
        changed = await desk("head", "PATCH", f"/v1/pools/{pool['id']}", {"keeping": None})
        assert changed.json()["keeping"] is None


class TestStandingStill:
    async def test_nothing_comes_while_a_contract_is_open_and_the_rest_of_the_term_after_it(
        self, desk: Desk, time: Time
    ) -> None:
        desk.clock.at = at(3, 2)
        await desk.lead()  # and with it the default pipeline
        keeping = {"deal_days": 10, "warn_days": [3], "paused_stages": ["contract"]}
        lead = await in_hand(desk, time, await make_pool(desk, keeping=keeping))
        await time.pass_to(at(3, 6))
        await time.move(lead, "contract")
        assert (await kept(desk, lead))["ends_at"] is None
        await time.pass_to(at(3, 26))
        assert len(await story(desk, lead)) == 1
        await time.move(lead, "negotiation")
        assert datetime.fromisoformat((await kept(desk, lead))["ends_at"]) == at(4, 1)
        await time.pass_to(at(4, 2))
        assert (await story(desk, lead))[1:] == [("recycle_warned", at(3, 29)), ("lead_pooled", at(4, 1))]

    async def test_a_superior_lets_it_stand_still_and_go_on_before_that(self, desk: Desk, time: Time) -> None:
        desk.clock.at = at(3, 2)
        lead = await in_hand(desk, time, await make_pool(desk, keeping={"follow_up_days": 7}))
        path = f"/v1/leads/{lead}/lock"
        until = {"until": at(3, 12).isoformat(), "reason": "the customer's board decides"}
        await time.pass_to(at(3, 4))
        assert (await desk("north1", "POST", path, until)).json()["code"] == "lock_not_allowed"
        locked = await desk("boss", "POST", path, until)
        assert datetime.fromisoformat(locked.json()["ends_at"]) == at(3, 17)
        await time.pass_to(at(3, 6))
        opened = await desk("boss", "DELETE", path)
        assert datetime.fromisoformat(opened.json()["ends_at"]) == at(3, 11)
        assert (await desk("boss", "DELETE", path)).json()["code"] == "nothing_to_lock"
        await time.pass_to(at(3, 12))
        assert (await story(desk, lead))[1:] == [("lead_pooled", at(3, 11))]

    async def test_it_is_refused_with_the_field_when_it_cannot_work(self, desk: Desk, time: Time) -> None:
        lead = await in_hand(desk, time, await make_pool(desk, keeping={"follow_up_days": 7}))
        for until in (desk.clock.at, desk.clock.at + timedelta(days=400)):
            body = {"until": until.isoformat()}
            answer = await desk("boss", "POST", f"/v1/leads/{lead}/lock", body)
            assert (answer.status, answer.json()["errors"][0]["pointer"]) == (422, "/until")
        keeping = {"follow_up_days": 7, "paused_stages": ["contract", "signing"]}
        members = {"unit_ids": [str(desk.units["company"])]}
        answer = await desk(
            "head", "POST", "/v1/pools", {"name": "p", "members": members, "keeping": keeping}
        )
        assert (answer.status, [one["pointer"] for one in answer.json()["errors"]]) == (
            422, ["/keeping/paused_stages/1"],
        )  # fmt: skip


async def kept(desk: Desk, lead: str) -> dict[str, Any]:
    shown: dict[str, Any] = (await desk("north1", "GET", f"/v1/leads/{lead}/keeping")).json()
    return shown
