"""Many leads by filters to others: previewed, and done at once."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from services.leads.assigning.reassignment import asking
from shared.ids import new_id
from tests.integration.services.leads.assigning.reassigning import (
    ask,
    done,
    kept,
    one,
    owners,
    previewed,
    rule,
    several,
)
from tests.integration.services.leads.assigning.test_handover import owned
from tests.integration.services.leads.assigning.test_leaving import last_assignment, lead_of
from tests.integration.services.leads.conftest import NOON, Desk
from tests.integration.services.leads.follow_up.test_progress import loads
from tests.integration.services.leads.pools.test_pool import make_pool, pooled


class TestPreview:
    async def test_what_is_done_equals_what_was_previewed(self, desk: Desk) -> None:
        mine = await owned(desk, "north1", 5)
        await owned(desk, "south1", 2)
        to = several(desk, "north2", "south1")
        filters = {"owner": [str(desk.users["north1"])]}
        told = await previewed(desk, to, filters=filters)
        assert (told["matching"], told["given"], told["kept"], told["unowned"]) == (5, 5, [], 0)
        people = {each["display_name"]: each for each in told["people"]}
        assert {
            name: (
                each["matching"],
                each["taken"],
                each["given"],
                each["open_leads"],
                each["open_leads_after"],
            )
            for name, each in people.items()
        } == {"North1": (5, 5, 0, 5, 0), "North2": (0, 0, 4, 0, 4), "South1": (0, 0, 1, 2, 3)}
        assert await loads(desk) == {"north1": 5, "south1": 2}
        made = await done(desk, to, filters=filters, digest=told["digest"], expected=5, reason="leaves")
        assert (made["state"], made["total"], made["looked_at"], made["given"]) == ("done", 5, 5, 5)
        assert {each["display_name"]: (each["given"], each["taken"]) for each in made["people"]} == {
            "North1": (0, 5), "North2": (4, 0), "South1": (1, 0),
        }  # fmt: skip
        assert await loads(desk) == {"north1": 0, "north2": 4, "south1": 3}
        for example in told["examples"]:
            assert (await lead_of(desk, example["lead_id"]))["owner_id"] == example["owner_id"]
        assert [example["lead_id"] for example in told["examples"]] == mine

    async def test_it_says_why_leads_stay(self, desk: Desk) -> None:
        quiet, won, mine, free = [str((await desk.lead())["id"]) for _ in range(4)]
        await desk("head", "PATCH", f"/v1/leads/{quiet}", {"do_not_contact": True})
        await desk("head", "POST", f"/v1/leads/{won}/move", {"to": "won"})
        await desk("head", "POST", f"/v1/leads/{mine}/assign", {"owner_id": str(desk.users["north1"])})
        told = await previewed(desk, one(desk, "north1"))
        assert (told["matching"], told["given"], told["unowned"]) == (4, 1, 3)
        assert kept(told) == {"do_not_contact": 1, "lead_closed": 1, "same_owner": 1}
        assert {each["lead_id"]: each["reason"] for each in told["examples"]} == {
            quiet: "do_not_contact", won: "lead_closed", mine: "same_owner", free: None,
        }  # fmt: skip
        made = await done(desk, one(desk, "north1"), digest=told["digest"])
        assert kept(made) == kept(told)
        assert await owners(desk, quiet, won, mine, free) == [None, None, "north1", "north1"]

    @pytest.mark.parametrize("said", [{"expected": 2}, {"expected": 1, "digest": True}])
    async def test_it_is_refused_when_the_situation_is_another_than_previewed(
        self, desk: Desk, said: dict[str, Any]
    ) -> None:
        lead = str((await desk.lead())["id"])
        digest = (await previewed(desk, one(desk, "north1")))["digest"]
        if "digest" in said:
            await desk("head", "POST", f"/v1/leads/{lead}/assign", {"owner_id": str(desk.users["south1"])})
            said = said | {"digest": digest}
        for preview in (False, True):
            refused = await ask(desk, one(desk, "north1"), preview=preview, **said)
            assert (refused.status, refused.code) == (409, "situation_changed")
        assert "north1" not in await owners(desk, lead)

    async def test_it_goes_on_behind_the_first_when_many_match(
        self, desk: Desk, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(asking, "LOOKED_AT_ONCE", 2)
        await rule(desk, "north1")
        await owned(desk, "south1", 5)
        to = several(desk, "north1", "north2", by="turns")
        told = await previewed(desk, to)
        assert {each["display_name"]: each["given"] for each in told["people"]} == {
            "North1": 3, "North2": 2, "South1": 0,
        }  # fmt: skip
        by_rules = await previewed(desk, {"rules": True})
        assert (by_rules["given"], by_rules["undecided"], by_rules["matching"]) == (2, 3, 5)
        assert (await done(desk, to, digest=told["digest"]))["given"] == 5

    async def test_nothing_is_changed_by_a_preview_of_rules(self, desk: Desk) -> None:
        await rule(desk, "north1", "north2")
        await owned(desk, "south1", 4)
        before = await desk.admin.fetch("select * from rotations where tenant_id = $1", desk.tenant_id)
        told = await previewed(desk, {"rules": True})
        assert told["given"] == 4
        assert (await previewed(desk, {"rules": True}))["digest"] == told["digest"]
        after = await desk.admin.fetch("select * from rotations where tenant_id = $1", desk.tenant_id)
        assert before == after
        assert await loads(desk) == {"south1": 4}


class TestToOne:
    async def test_each_lead_tells_by_what_it_was_given_when_asked_later(self, desk: Desk) -> None:
        [lead] = await owned(desk, "south1", 1)
        made = await done(desk, one(desk, "north1"), by="head", reason="new territory")
        last = await last_assignment(desk, lead)
        assert (last["how"], last["reason"], last["reassignment_id"]) == (
            "manual", "new territory", made["id"],
        )  # fmt: skip
        assert (last["assigned_by"], last["previous_owner_id"]) == (
            str(desk.users["head"]), str(desk.users["south1"]),
        )  # fmt: skip
        _, kind, data = (await desk.events(lead))[-1]
        assert (kind, data["how"], data["previous_owner_id"]) == (
            "lead_assigned", "manual", str(desk.users["south1"]),
        )  # fmt: skip

    async def test_who_is_away_gets_them_up_to_their_capacity_when_named_alone(self, desk: Desk) -> None:
        await desk.profile("north1", capacity=2)
        await desk.absence("north1", NOON, NOON + timedelta(days=7))
        leads = await owned(desk, "south1", 3)
        made = await done(desk, one(desk, "north1"))
        assert (made["given"], kept(made)) == (2, {"full": 1})
        assert await owners(desk, *leads) == ["north1", "north1", "south1"]

    @pytest.mark.parametrize("who", ["nobody", "gone"])
    async def test_it_is_refused_when_nobody_could_own_a_lead(self, desk: Desk, who: str) -> None:
        await desk.user("gone", "north-team", active=False)
        user = desk.users.get(who) or new_id()
        refused = await ask(desk, {"user_id": str(user)})
        assert (refused.status, refused.code, refused.pointers) == (422, "unfit_owner", ["/to/user_id"])


class TestToSeveral:
    async def test_each_has_a_turn_when_by_turns(self, desk: Desk) -> None:
        await owned(desk, "north2", 3)
        leads = await owned(desk, "south1", 5)
        filters = {"owner": [str(desk.users["south1"])]}
        await done(desk, several(desk, "north1", "north2", by="turns"), filters=filters)
        assert await owners(desk, *leads) == ["north1", "north2", "north1", "north2", "north1"]

    async def test_who_is_away_or_full_is_passed_over(self, desk: Desk) -> None:
        await desk.absence("north1", NOON, NOON + timedelta(days=7))
        leads = await owned(desk, "south1", 3)
        told = await previewed(desk, several(desk, "north1", "north2", max_open_leads=2))
        assert {
            each["display_name"]: (each["given"], each["reason"], each["max_open_leads"])
            for each in told["people"]
        } == {"North1": (0, "absent", 2), "North2": (2, None, 2), "South1": (0, None, None)}
        made = await done(desk, several(desk, "north1", "north2", max_open_leads=2))
        assert (made["given"], kept(made)) == (2, {"nobody_eligible": 1})
        assert await owners(desk, *leads) == ["north2", "north2", "south1"]

    async def test_the_reps_of_a_unit_share_them(self, desk: Desk) -> None:
        await owned(desk, "south1", 4)
        await done(desk, {"unit_id": str(desk.units["north"])})
        assert await loads(desk) == {"north1": 2, "north2": 2, "south1": 0}


class TestByRules:
    async def test_the_rules_choose_and_turns_go_on(self, desk: Desk) -> None:
        made_rule = await rule(desk, "north1", "north2", conditions={"region": ["N"]})
        leads = [str((await desk.lead(region="N"))["id"]) for _ in range(3)]
        other = str((await desk.lead(region="S"))["id"])
        told = await previewed(desk, {"rules": True})
        made = await done(desk, {"rules": True}, digest=told["digest"], reason="new rules")
        assert (made["given"], kept(made)) == (3, {"nobody_eligible": 1})
        assert await owners(desk, *leads, other) == ["north1", "north2", "north1", None]
        last = await last_assignment(desk, leads[0])
        assert (last["how"], last["rule_id"], last["assigned_by"], last["reason"]) == (
            "rule", made_rule["id"], str(desk.users["head"]), "new rules",
        )  # fmt: skip
        assert [each["reason"] for each in last["rules"][0]["candidates"]] == [
            "chosen", "next_in_turn_was_another",
        ]  # fmt: skip
        explained = (
            await desk("head", "POST", "/v1/assignment-rules/explain", {"lead": {"region": "N"}})
        ).json()
        assert explained["owner_id"] == str(desk.users["north2"])

    async def test_what_the_rule_could_give_its_owner_stays(self, desk: Desk) -> None:
        await rule(desk, "north1", "north2", max_open_leads=2)
        [first, second, third] = await owned(desk, "north2", 3)
        [elsewhere] = await owned(desk, "south1", 1)
        made = await done(desk, {"rules": True})
        # As if each had just come in: with three in hand north2 has one too many.
        assert kept(made) == {"same_owner": 2}
        assert await owners(desk, first, second, third, elsewhere) == [
            "north1", "north2", "north2", "north1",
        ]  # fmt: skip

    async def test_it_is_refused_when_no_rule_is_active(self, desk: Desk) -> None:
        for preview in (True, False):
            refused = await ask(desk, {"rules": True}, preview=preview)
            assert (refused.status, refused.code) == (409, "no_rules")


class TestOutOfPools:
    async def test_the_pools_own_limits_hold(self, desk: Desk) -> None:
        pool = await make_pool(desk, max_in_hand={"default": 1}, cooling_days=7)
        cooling, *others = [await pooled(desk, pool) for _ in range(3)]
        await desk("north1", "POST", f"/v1/leads/{cooling}/claim")
        await desk("north1", "POST", f"/v1/leads/{cooling}/release", {"pool_id": pool["id"]})
        to = several(desk, "north1", "north2", by="turns")
        told = await previewed(desk, to, filters={"pool": pool["id"]})
        made = await done(desk, to, filters={"pool": pool["id"]}, digest=told["digest"])
        assert (made["given"], kept(made)) == (2, {"cap_in_hand": 1})
        # North1 waits for the one that they gave back.
        assert await owners(desk, cooling, others[0]) == ["north2", "north1"]
        assert (await last_assignment(desk, cooling))["pool_id"] == pool["id"]
        assert await loads(desk) == {"north1": 1, "north2": 1}

    async def test_what_is_given_from_elsewhere_counts_for_the_cap(self, desk: Desk) -> None:
        pool = await make_pool(desk, max_in_hand={"default": 2})
        free = [str((await desk.lead())["id"]) for _ in range(2)]
        lying = await pooled(desk, pool)
        told = await previewed(desk, one(desk, "north1"))
        assert (told["given"], kept(told)) == (2, {"cap_in_hand": 1})
        made = await done(desk, one(desk, "north1"), digest=told["digest"])
        assert kept(made) == {"cap_in_hand": 1}
        assert await owners(desk, *free, lying) == ["north1", "north1", None]

    async def test_customers_in_pools_show_a_preview_nothing_more(
        self, desk: Desk, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """To count customers a transaction sees the whole tenant from there on: not this one."""
        monkeypatch.setattr(asking, "LOOKED_AT_ONCE", 1)
        pool = await make_pool(desk, kind="customers")
        won = str((await desk.lead(by="boss"))["id"])
        await desk("head", "POST", f"/v1/leads/{won}/move", {"to": "won"})
        released = await desk("head", "POST", f"/v1/leads/{won}/release", {"pool_id": pool["id"]})
        assert released.status == 200, released
        await owned(desk, "south1", 1)
        told = await previewed(desk, one(desk, "north1"), by="boss")
        assert (told["matching"], kept(told)) == (1, {"lead_closed": 1})

    async def test_superiors_give_only_to_members_whose_leads_they_see(self, desk: Desk) -> None:
        pool = await make_pool(desk)
        lead = await pooled(desk, pool)
        filters = {"pool": pool["id"]}
        made = await done(desk, one(desk, "south1"), by="boss", filters=filters)
        assert kept(made) == {"assign_not_allowed": 1}
        made = await done(desk, one(desk, "north1"), by="boss", filters=filters)
        assert made["given"] == 1
        assert await owners(desk, lead) == ["north1"]

    async def test_a_pool_that_is_not_open_to_the_caller_is_no_filter(self, desk: Desk) -> None:
        south = {"unit_ids": [str(desk.units["south"])]}
        pool = await make_pool(desk, members=south)
        refused = await ask(desk, one(desk, "north1"), by="boss", filters={"pool": pool["id"]})
        assert (refused.status, refused.code) == (404, "unknown_pool")


class TestWhichLeads:
    async def test_only_what_one_sees_is_given_away(self, desk: Desk) -> None:
        mine, theirs = (await owned(desk, "north1", 1)), (await owned(desk, "south1", 1))
        assert (await previewed(desk, one(desk, "south2"), by="boss"))["matching"] == 1
        made = await done(desk, one(desk, "south2"), by="boss")
        assert made["given"] == 1
        assert await owners(desk, *mine, *theirs) == ["south2", "south1"]

    async def test_who_sees_only_their_own_gives_nothing_away(self, desk: Desk) -> None:
        for preview in (True, False):
            refused = await ask(desk, one(desk, "north2"), by="north1", preview=preview)
            assert (refused.status, refused.code) == (403, "assign_not_allowed")

    async def test_filters_and_a_view_hold_together(self, desk: Desk) -> None:
        both, web, fair = [
            str((await desk.lead(**fields))["id"])
            for fields in ({"source": "web", "region": "N"}, {"source": "web"}, {"region": "N"})
        ]
        body = {"name": "web", "filters": {"source": ["web"]}}
        view = (await desk("head", "POST", "/v1/views", body)).json()["id"]
        made = await done(desk, one(desk, "north1"), filters={"region": ["N"]}, view=view)
        assert (made["total"], made["view_id"], made["view_filters"]) == (1, view, {"source": ["web"]})
        assert await owners(desk, both, web, fair) == ["north1", None, None]

    async def test_it_is_refused_naming_what_is_wrong(self, desk: Desk) -> None:
        one_user = str(desk.users["north1"])
        for change, code, pointer in (
            ({"filters": None}, "which_leads", "/filters"),
            ({"to": {}}, "which_takers", "/to"),
            ({"to": {"user_id": one_user, "rules": True}}, "which_takers", "/to"),
            ({"to": {"user_ids": [one_user, str(new_id())]}}, "unknown_user", "/to/user_ids/1"),
            ({"to": {"unit_id": str(new_id())}}, "unknown_unit", "/to/unit_id"),
            ({"filters": {"colour": "red"}}, "unknown_field", "/filters/colour"),
            ({"filters": {"value_from": "2", "value_to": "1"}}, "out_of_order", "/filters/value_from"),
            ({"digest": "yes"}, None, "/digest"),
        ):
            answer = await ask(desk, **({"to": one(desk, "north1")} | change))
            assert (answer.status, answer.pointers) == (422, [pointer]), answer
            assert code in (None, answer.json()["errors"][0]["code"]), answer
