"""Many leads by filters to others: previewed, done at once or in portions on the real timers."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from services.leads.audit.use_cases import write_down
from services.leads.intake.naming import FORGOTTEN
from services.leads.reassignment import asking, going_on, use_cases
from services.leads.reassignment.reactions import reassign_by
from services.leads.reassignment.use_cases import forget
from shared.database.engine import make_engine
from shared.database.transactions import Access, Database
from shared.events.backbone import Backbone
from shared.events.timing.timers import Timers
from shared.ids import new_id
from shared.settings import Settings
from tests.integration.services.leads.conftest import NOON, Desk
from tests.integration.services.leads.passing import Time
from tests.integration.services.leads.test_handover import owned
from tests.integration.services.leads.test_leaving import last_assignment, lead_of
from tests.integration.services.leads.test_pool import make_pool, pooled
from tests.integration.services.leads.test_progress import loads
from tests.integration.services.leads.test_refitting import (
    Looking,
    lead_with,
    looking,  # noqa: F401 - a fixture
)
from tests.support.asgi import Answer

PATH = "/v1/reassignments"
PORTION = 3


@pytest.fixture
async def portions(desk: Desk, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Time]:
    """The worker's timers; three leads at a time."""
    for module in (going_on, use_cases):
        monkeypatch.setattr(module, "AT_ONCE", PORTION)
    app = Database(make_engine(settings, "leads", "app", pool_size=2), ledger=write_down)
    worker = Database(make_engine(settings, "leads", "worker", pool_size=2))
    backbone, timers = Backbone(settings, "leads", worker, app, clock=desk.clock), Timers()
    reassign_by(timers, desk.clock)
    yield Time(desk, app, backbone, timers)
    for database in (app, worker):
        await database.dispose()


async def ask(desk: Desk, to: dict[str, Any], by: str = "head", **more: Any) -> Answer:
    """Reassign, all that are seen unless filters say otherwise."""
    return await desk(by, "POST", PATH, {"filters": {}, "to": to} | more)


def one(desk: Desk, name: str) -> dict[str, Any]:
    return {"user_id": str(desk.users[name])}


def several(desk: Desk, *names: str, **more: Any) -> dict[str, Any]:
    return {"user_ids": [str(desk.users[name]) for name in names]} | more


async def done(desk: Desk, to: dict[str, Any], by: str = "head", **more: Any) -> dict[str, Any]:
    answer = await ask(desk, to, by, **more)
    assert answer.status == 201, answer
    found: dict[str, Any] = answer.json()
    return found


async def previewed(desk: Desk, to: dict[str, Any], by: str = "head", **more: Any) -> dict[str, Any]:
    answer = await ask(desk, to, by, preview=True, **more)
    assert answer.status == 200, answer
    found: dict[str, Any] = answer.json()
    return found


async def owners(desk: Desk, *leads: str) -> list[str | None]:
    """By name."""
    names = {str(user): name for name, user in desk.users.items()}
    found = [(await lead_of(desk, lead))["owner_id"] for lead in leads]
    return [names[owner] if owner else None for owner in found]


def kept(told: dict[str, Any]) -> dict[str, int]:
    return {one["reason"]: one["leads"] for one in told["kept"]}


async def as_it_is(desk: Desk, told: dict[str, Any], by: str = "head") -> dict[str, Any]:
    answer = await desk(by, "GET", f"{PATH}/{told['id']}")
    assert answer.status == 200, answer
    found: dict[str, Any] = answer.json()
    return found


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

    async def test_it_is_refused_when_too_many_match(
        self, desk: Desk, portions: Time, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        for module in (asking, use_cases):
            monkeypatch.setattr(module, "MOST", 4)
        leads = await owned(desk, "south1", 5)
        for preview in (True, False):
            refused = await ask(desk, one(desk, "north1"), preview=preview)
            assert (refused.status, refused.pointers, refused.code) == (
                422, ["/filters"], "too_many_leads",
            )  # fmt: skip
        assert await owners(desk, leads[0]) == ["south1"]

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


async def rule(desk: Desk, *names: str, **more: Any) -> dict[str, Any]:
    candidates = {"user_ids": [str(desk.users[name]) for name in names]}
    body = {"name": "rule", "strategy": "round_robin", "candidates": candidates}
    answer = await desk("head", "POST", "/v1/assignment-rules", body | more)
    assert answer.status == 201, answer
    found: dict[str, Any] = answer.json()
    return found


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


class TestInPortions:
    async def test_all_of_it_is_done_when_there_are_more_than_go_at_once(
        self, desk: Desk, portions: Time
    ) -> None:
        leads = await owned(desk, "south1", 8)
        [won] = await owned(desk, "south1", 1)
        await desk("head", "POST", f"/v1/leads/{won}/move", {"to": "won"})
        to = several(desk, "north1", "north2", by="turns")
        told = await previewed(desk, to)
        begun = await done(desk, to, digest=told["digest"], expected=9)
        assert (begun["state"], begun["total"], begun["looked_at"]) == ("running", 9, 0)
        assert await owners(desk, leads[0]) == ["south1"]
        await portions.timers.fire_due(portions.backbone)
        part = await as_it_is(desk, begun)
        assert (part["state"], part["given"], part["looked_at"]) == ("running", 3, 3)
        await portions.fire()
        ended = await as_it_is(desk, begun)
        assert (ended["state"], ended["given"], kept(ended)) == ("done", 8, {"lead_closed": 1})
        assert (ended["ended_at"] is not None, told["given"]) == (True, 8)
        # Turns go on from one portion to the next.
        assert await owners(desk, *leads) == ["north1", "north2"] * 4
        kinds = Counter([kind for lead in leads for _, kind, _ in await desk.events(lead)])
        assert kinds["lead_assigned"] == 16
        assert (await last_assignment(desk, leads[-1]))["reassignment_id"] == begun["id"]
        stayed = (await desk("head", "GET", f"{PATH}/{begun['id']}/kept")).json()["items"]
        assert stayed == [{"lead_id": won, "reason": "lead_closed"}]
        none = (await desk("head", "GET", f"{PATH}/{begun['id']}/kept?reason=full")).json()["items"]
        assert none == []

    async def test_the_rules_go_on_with_their_turns(self, desk: Desk, portions: Time) -> None:
        await rule(desk, "north1", "north2")
        leads = await owned(desk, "south1", 7)
        await done(desk, {"rules": True})
        await portions.fire()
        assert await owners(desk, *leads) == ["north1", "north2"] * 3 + ["north1"]

    async def test_what_changed_hands_since_then_stays(self, desk: Desk, portions: Time) -> None:
        *leads, passed_on, given_back, newcomer = await owned(desk, "south1", 6)
        pool = await make_pool(desk)
        begun = await done(desk, one(desk, "north1"))
        desk.clock.at += timedelta(minutes=1)
        await desk("head", "POST", f"/v1/leads/{passed_on}/assign", {"owner_id": str(desk.users["south2"])})
        await desk("head", "POST", f"/v1/leads/{given_back}/release", {"pool_id": pool["id"]})
        await desk("head", "POST", f"/v1/leads/{newcomer}/move", {"to": "lost", "reason": "no budget"})
        later = str((await desk.lead())["id"])
        await portions.fire()
        ended = await as_it_is(desk, begun)
        assert (ended["given"], kept(ended)) == (3, {"owner_changed": 2, "lead_closed": 1})
        assert await owners(desk, *leads, passed_on, given_back, later) == [
            *["north1"] * 3, "south2", None, None,
        ]  # fmt: skip

    async def test_no_lead_is_given_twice_when_its_worker_dies(
        self, desk: Desk, portions: Time, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        leads = await owned(desk, "south1", 7)
        begun = await done(desk, several(desk, "north1", "north2", by="turns"))
        await portions.timers.fire_due(portions.backbone)
        store = use_cases.store_progress

        async def dies(*args: Any, **more: Any) -> Any:
            await store(*args, **more)
            raise ConnectionResetError("killed before its commit")

        monkeypatch.setattr(going_on, "store_progress", dies)
        with pytest.raises(ConnectionResetError):
            await portions.timers.fire_due(portions.backbone)
        assert (await as_it_is(desk, begun))["given"] == 3
        monkeypatch.setattr(going_on, "store_progress", store)
        await portions.fire()
        assert (await as_it_is(desk, begun))["given"] == 7
        assert await owners(desk, *leads) == ["north1", "north2"] * 3 + ["north1"]
        given = [kind for lead in leads for _, kind, _ in await desk.events(lead)]
        assert given.count("lead_assigned") == 14
        assert await loads(desk) == {"north1": 4, "north2": 3, "south1": 0}

    async def test_nothing_further_is_given_when_it_is_stopped(self, desk: Desk, portions: Time) -> None:
        leads = await owned(desk, "south1", 7)
        begun = await done(desk, one(desk, "north1"), by="head")
        await portions.timers.fire_due(portions.backbone)
        stopped = await desk("head", "POST", f"{PATH}/{begun['id']}/stop")
        assert (stopped.status, stopped.json()["state"]) == (200, "stopped")
        told = stopped.json()
        assert (told["stopped_why"], told["stopped_by"], told["given"]) == (
            "by_hand", str(desk.users["head"]), 3,
        )  # fmt: skip
        await portions.fire()
        assert await owners(desk, *leads) == ["north1"] * 3 + ["south1"] * 4
        again = await desk("head", "POST", f"{PATH}/{begun['id']}/stop")
        assert (again.status, again.code) == (409, "already_ended")

    async def test_nothing_further_is_given_when_the_askers_rights_change(
        self, desk: Desk, portions: Time
    ) -> None:
        leads = await owned(desk, "north1", 7)
        begun = await done(desk, one(desk, "south1"), by="boss")
        await portions.timers.fire_due(portions.backbone)
        await desk.admin.execute(
            "insert into org_principals (tenant_id, id, changed_seq, revoked) values ($1, $2, 5, false)",
            desk.tenant_id, desk.users["boss"],
        )  # fmt: skip
        await portions.fire()
        ended = await as_it_is(desk, begun, by="head")
        assert (ended["state"], ended["stopped_why"], ended["given"]) == ("stopped", "rights_changed", 3)
        assert await owners(desk, *leads) == ["south1"] * 3 + ["north1"] * 4

    async def test_only_what_the_asker_sees_is_given_by_the_worker(self, desk: Desk, portions: Time) -> None:
        mine, theirs = await owned(desk, "north1", 5), await owned(desk, "south1", 2)
        begun = await done(desk, one(desk, "south2"), by="boss")
        await portions.fire()
        assert (await as_it_is(desk, begun, by="boss"))["given"] == 5
        assert await owners(desk, *mine, *theirs) == ["south2"] * 5 + ["south1"] * 2

    async def test_it_stops_when_there_is_nothing_left_to_go_by(self, desk: Desk, portions: Time) -> None:
        await owned(desk, "south1", 5)
        made_rule = await rule(desk, "north1")
        begun = await done(desk, {"rules": True})
        await desk("head", "DELETE", f"/v1/assignment-rules/{made_rule['id']}")
        await portions.fire()
        assert (await as_it_is(desk, begun))["stopped_why"] == "no_rules"

    async def test_it_stops_when_its_pool_is_no_longer_open_to_the_asker(
        self, desk: Desk, portions: Time
    ) -> None:
        pool = await make_pool(desk)
        leads = [await pooled(desk, pool) for _ in range(5)]
        begun = await done(desk, one(desk, "north1"), by="boss", filters={"pool": pool["id"]})
        await portions.timers.fire_due(portions.backbone)
        south = {"members": {"unit_ids": [str(desk.units["south"])]}}
        assert (await desk("head", "PATCH", f"/v1/pools/{pool['id']}", south)).status == 200
        await portions.fire()
        ended = await as_it_is(desk, begun)
        assert (ended["state"], ended["stopped_why"], ended["given"]) == ("stopped", "filters_outdated", 3)
        assert await owners(desk, *leads) == ["north1"] * 3 + [None] * 2

    async def test_it_waits_while_a_field_that_it_goes_by_is_in_change(
        self,
        desk: Desk,
        portions: Time,
        looking: Looking,  # noqa: F811
    ) -> None:
        field = await looking.ready("site", "text")
        leads = [str((await lead_with(desk, site="here"))["id"]) for _ in range(5)]
        begun = await done(desk, one(desk, "north1"), filters={"custom": ["site=here"]})
        await portions.timers.fire_due(portions.backbone)
        await desk("head", "PATCH", f"/v1/custom-fields/{field['id']}", {"searchable": True})
        await portions.fire()
        waiting = await as_it_is(desk, begun)
        assert (waiting["state"], waiting["given"]) == ("running", 3)
        await looking.look()
        desk.clock.at += timedelta(minutes=1)
        await portions.fire()
        assert (await as_it_is(desk, begun))["state"] == "done"
        assert await owners(desk, *leads) == ["north1"] * 5

    async def test_each_change_of_owner_is_the_askers(self, desk: Desk, portions: Time) -> None:
        leads = await owned(desk, "south1", 4)
        await done(desk, one(desk, "north1"))
        await portions.fire()
        rows = await desk.admin.fetch(
            "select distinct on (lead_id) kind, user_id, route from audit_entries"
            " where tenant_id = $1 and lead_id = any($2) order by lead_id, seq desc",
            desk.tenant_id, [UUID(lead) for lead in leads],
        )  # fmt: skip
        assert [tuple(row) for row in rows] == [("user", desk.users["head"], f"POST {PATH}")] * 4

    async def test_both_end_when_two_are_under_way_at_once(self, desk: Desk, portions: Time) -> None:
        leads = await owned(desk, "south1", 9)
        first = await done(desk, several(desk, "north1", "north2"))
        second = await done(desk, several(desk, "north2", "north1"))
        await asyncio.gather(portions.fire(), portions.fire())
        told = [await as_it_is(desk, each) for each in (first, second)]
        assert [each["state"] for each in told] == ["done", "done"]
        assert sum(each["given"] for each in told) == 9
        assert sum((await loads(desk)).values()) == len(leads)


class TestRegister:
    async def test_one_sees_ones_own_and_who_sees_the_tenant_all(self, desk: Desk) -> None:
        await desk.user("other", "south-team", role="supervisor", is_rep=False)
        made = await done(desk, one(desk, "north1"), by="boss", reason="mine")
        second = await done(desk, one(desk, "north1"), by="head")
        listed = {}
        for name in ("head", "boss", "other"):
            items = (await desk(name, "GET", PATH)).json()["items"]
            listed[name] = [each["id"] for each in items]
        assert listed == {"head": [second["id"], made["id"]], "boss": [made["id"]], "other": []}
        running = (await desk("head", "GET", f"{PATH}?state=running")).json()["items"]
        assert running == []
        for method, path in (("GET", ""), ("GET", "/kept"), ("POST", "/stop")):
            refused = await desk("other", method, f"{PATH}/{made['id']}{path}")
            assert (refused.status, refused.code) == (404, "unknown_reassignment")

    async def test_pages_follow_one_another(self, desk: Desk) -> None:
        made = [(await done(desk, one(desk, "north1")))["id"] for _ in range(3)]
        first = (await desk("head", "GET", f"{PATH}?limit=2")).json()
        rest = (await desk("head", "GET", f"{PATH}?limit=2&cursor={first['next_cursor']}")).json()
        assert [each["id"] for each in first["items"] + rest["items"]] == made[::-1]

    async def test_leads_that_stayed_are_told_as_far_as_they_are_seen_by_now(self, desk: Desk) -> None:
        kept_there = await owned(desk, "north1", 2)
        made = await done(desk, one(desk, "north1"), by="boss")
        assert kept(made) == {"same_owner": 2}
        away = {"owner_id": str(desk.users["south1"])}
        await desk("head", "POST", f"/v1/leads/{kept_there[0]}/assign", away)
        told = (await desk("boss", "GET", f"{PATH}/{made['id']}/kept")).json()["items"]
        assert [each["lead_id"] for each in told] == kept_there[1:]

    async def test_words_that_name_somebody_are_forgotten_with_them(self, desk: Desk, portions: Time) -> None:
        lead = await desk.lead(name="Anna Li")
        made = await done(desk, one(desk, "north1"), filters={"q": "Anna Li"})
        assert made["given"] == 1
        async with portions.app.transaction(Access(desk.tenant_id)) as tx:
            await forget(tx, desk.tenant_id, [UUID(lead["id"])])
        assert (await as_it_is(desk, made))["filters"] == {"q": FORGOTTEN}
