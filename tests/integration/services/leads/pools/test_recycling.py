"""Warned, taken back, dormant: on the real timers, by a clock that tests set. Scenario 2."""

from __future__ import annotations

from datetime import datetime, timedelta
from uuid import UUID

from services.leads.pools.recycling.use_cases import AT_ONCE
from shared.ids import new_id
from tests.integration.services.leads.conftest import Desk
from tests.integration.services.leads.follow_up.test_progress import loads
from tests.integration.services.leads.passing import (
    SEVEN,
    Time,
    at,
    follow_up,
    holidays,
    in_hand,
    story,
    time,
)
from tests.integration.services.leads.pools.test_pool import claim, claimed, make_pool, pooled, release

__all__ = ["time"]


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
                 "tags": ["重点"], "labels": ["key"], "value_classes": ["A", "B"]},
            ],
            "protection_days": 30, "extension_days": 15, "dormant_pool_id": None, "dormant_after": None,
            "paused_stages": [],
        }  # fmt: skip
        pool = await make_pool(desk, keeping=keeping)
        assert pool["keeping"] == keeping
        changed = await desk("head", "PATCH", f"/v1/pools/{pool['id']}", {"keeping": None})
        assert changed.json()["keeping"] is None
