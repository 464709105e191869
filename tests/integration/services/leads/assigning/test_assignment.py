from __future__ import annotations

import asyncio
from collections import Counter
from datetime import timedelta
from typing import Any
from uuid import UUID

from services.leads.assigning.assignment.use_cases import assign_by_rules
from shared.database.engine import make_engine
from shared.database.transactions import Access, Database
from shared.ids import new_id
from shared.settings import Settings
from tests.integration.services.leads.conftest import NOON, Desk


async def rule(desk: Desk, **fields: Any) -> dict[str, Any]:
    body = {
        "name": "Everybody",
        "strategy": "round_robin",
        "candidates": {"unit_id": str(desk.units["company"])},
    }
    answer = await desk("head", "POST", "/v1/assignment-rules", body | fields)
    assert answer.status == 201, answer
    made: dict[str, Any] = answer.json()
    return made


async def react(
    desk: Desk, settings: Settings, *leads: dict[str, Any], but: frozenset[UUID] = frozenset()
) -> dict[UUID, UUID]:
    """What the reaction to `lead_created` does, in a transaction like its own."""
    database = Database(make_engine(settings, "leads", "app", pool_size=4))
    try:
        async with database.transaction(Access(desk.tenant_id)) as tx:
            causes = {UUID(lead["id"]): new_id() for lead in leads}
            return await assign_by_rules(tx, desk.tenant_id, causes, desk.clock.at, but=but)
    finally:
        await database.dispose()


def users(desk: Desk, *names: str) -> dict[str, Any]:
    return {"user_ids": [str(desk.users[name]) for name in names]}


class TestByRule:
    async def test_turns_are_fair_when_leads_come_in_one_batch(self, desk: Desk, settings: Settings) -> None:
        await rule(desk)
        leads = [await desk.lead() for _ in range(8)]
        owners = await react(desk, settings, *leads)
        assert sorted(Counter(owners.values()).values()) == [2, 2, 2, 2]

    async def test_turns_are_fair_when_many_reactions_run_at_once(
        self, desk: Desk, settings: Settings
    ) -> None:
        made = await rule(desk)
        leads = [await desk.lead() for _ in range(40)]
        results = await asyncio.gather(
            *(react(desk, settings, *leads[at : at + 4]) for at in range(0, 40, 4))
        )
        owners = Counter(owner for result in results for owner in result.values())
        assert sorted(owners.values()) == [10, 10, 10, 10]
        turn = "select turn from rotations where tenant_id = $1 and rule_id = $2"
        assert await desk.admin.fetchval(turn, desk.tenant_id, UUID(made["id"])) == 40

    async def test_owner_event_and_explanation_agree_when_assigned(
        self, desk: Desk, settings: Settings
    ) -> None:
        made = await rule(desk, candidates=users(desk, "north1", "boss", "south2"), strategy="least_loaded")
        lead = await desk.lead(region="north")
        await react(desk, settings, lead)
        now = (await desk("head", "GET", f"/v1/leads/{lead['id']}")).json()
        assert (now["owner_id"], now["team_id"], now["version"]) == (
            str(desk.users["north1"]), str(desk.units["north-team"]), 2,
        )  # fmt: skip
        seq, kind, data = (await desk.events(lead["id"]))[-1]
        assert (seq, kind, data["how"], data["rule_id"]) == (2, "lead_assigned", "rule", made["id"])
        assert data["credit"]["rep_id"] == str(desk.users["north1"])
        [stored] = (await desk("head", "GET", f"/v1/leads/{lead['id']}/assignments")).json()["items"]
        assert (stored["owner_id"], stored["rule_version"]) == (now["owner_id"], 1)
        reasons = {one["display_name"]: one["reason"] for one in stored["rules"][0]["candidates"]}
        assert reasons == {
            "North1": "chosen", "Boss": "not_a_rep", "South2": "another_has_fewer_open_leads",
        }  # fmt: skip

    async def test_only_reps_of_the_region_get_it_when_by_territory(
        self, desk: Desk, settings: Settings
    ) -> None:
        await rule(desk, strategy="territory")
        leads = [await desk.lead(region="south") for _ in range(4)]
        owners = await react(desk, settings, *leads)
        assert Counter(owners.values()) == {desk.users["south1"]: 2, desk.users["south2"]: 2}

    async def test_the_lightest_gets_it_when_by_load(self, desk: Desk, settings: Settings) -> None:
        heavy = await desk.lead()
        await desk("head", "POST", f"/v1/leads/{heavy['id']}/assign", {"owner_id": str(desk.users["north1"])})
        await rule(desk, strategy="least_loaded", candidates=users(desk, "north1", "north2"))
        leads = [await desk.lead() for _ in range(3)]
        owners = await react(desk, settings, *leads)
        assert Counter(owners.values()) == {desk.users["north1"]: 1, desk.users["north2"]: 2}

    async def test_the_next_rule_is_asked_when_everybody_of_the_first_is_full(
        self, desk: Desk, settings: Settings
    ) -> None:
        await rule(desk, name="first", position=1, max_open_leads=1, candidates=users(desk, "north1"))
        await rule(desk, name="second", position=2, candidates=users(desk, "south1"))
        leads = [await desk.lead() for _ in range(2)]
        owners = await react(desk, settings, *leads)
        assert set(owners.values()) == {desk.users["north1"], desk.users["south1"]}
        seen = [
            (await desk("head", "GET", f"/v1/leads/{lead['id']}/assignments")).json()["items"][0]
            for lead in leads
        ]
        later = max(seen, key=lambda one: len(one["rules"]))
        assert later["rules"][0]["candidates"][0]["reason"] == "full"

    async def test_why_nobody_got_it_is_kept_when_no_rule_applies(
        self, desk: Desk, settings: Settings
    ) -> None:
        await rule(desk, conditions={"source": ["fair"]})
        lead = await desk.lead(source="web")
        assert await react(desk, settings, lead) == {}
        [stored] = (await desk("head", "GET", f"/v1/leads/{lead['id']}/assignments")).json()["items"]
        assert (stored["owner_id"], stored["rules"][0]["failed_condition"]) == (None, "source")
        assert len(await desk.events(lead["id"])) == 1

    async def test_nothing_happens_when_somebody_owns_it_already(
        self, desk: Desk, settings: Settings
    ) -> None:
        await rule(desk)
        lead = await desk.lead()
        await desk("head", "POST", f"/v1/leads/{lead['id']}/assign", {"owner_id": str(desk.users["south2"])})
        assert await react(desk, settings, lead) == {}
        assert (await desk("head", "GET", f"/v1/leads/{lead['id']}")).json()["owner_id"] == str(
            desk.users["south2"]
        )

    async def test_another_gets_it_when_its_owner_is_to_lose_it(self, desk: Desk, settings: Settings) -> None:
        await rule(desk, candidates=users(desk, "north1", "north2"))
        lead = await desk.lead()
        north1, north2 = desk.users["north1"], desk.users["north2"]
        assert await react(desk, settings, lead) == {UUID(lead["id"]): north1}
        assert await react(desk, settings, lead, but=frozenset({north2})) == {}
        assert await react(desk, settings, lead, but=frozenset({north1})) == {UUID(lead["id"]): north2}
        path = f"/v1/leads/{lead['id']}/assignments"
        last = (await desk("head", "GET", path)).json()["items"][-1]
        assert last["previous_owner_id"] == str(north1)
        reasons = [one["reason"] for one in last["rules"][0]["candidates"]]
        assert reasons == ["had_the_lead", "chosen"]
        loads = "select user_id, open_leads from rep_loads where tenant_id = $1 and open_leads > 0"
        rows = await desk.admin.fetch(loads, desk.tenant_id)
        assert [(row["user_id"], row["open_leads"]) for row in rows] == [(north2, 1)]


async def considered(desk: Desk, lead: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """What the last assignment says of each candidate of its last rule, by name."""
    found = (await desk("head", "GET", f"/v1/leads/{lead['id']}/assignments")).json()["items"]
    return {one["display_name"]: one for one in found[-1]["rules"][-1]["candidates"]}


class TestPassedOver:
    async def test_each_is_named_with_their_figures_when_away_or_full(
        self, desk: Desk, settings: Settings
    ) -> None:
        """Scenario 3's line: 上海 -> round robin {王, 李 on leave, 赵 100 of 100}."""
        for name in ("wang", "li", "zhao"):
            await desk.user(name, "south-team")
        await desk.profile("zhao", level="P2", capacity=100)
        await desk.absence("li", NOON - timedelta(days=1), NOON + timedelta(days=1))
        await desk.admin.execute(
            "insert into rep_loads values ($1, $2, 100)", desk.tenant_id, desk.users["zhao"]
        )
        made = await rule(desk, conditions={"region": ["上海"]}, candidates=users(desk, "li", "zhao", "wang"))
        lead = await desk.lead(region="上海")
        body = {"lead_id": lead["id"]}
        told = (await desk("head", "POST", "/v1/assignment-rules/explain", body)).json()
        assert await react(desk, settings, lead) == {UUID(lead["id"]): desk.users["wang"]}
        seen = await considered(desk, lead)
        assert {name: one["reason"] for name, one in seen.items()} == {
            "Li": "absent", "Zhao": "full", "Wang": "chosen",
        }  # fmt: skip
        assert seen["Li"]["absent_until"] == "2026-03-03T12:00:00Z"
        assert (seen["Zhao"]["open_leads"], seen["Zhao"]["max_open_leads"]) == (100, 100)
        assert (told["owner_id"], told["rule_id"]) == (str(desk.users["wang"]), made["id"])
        assert told["rules"][-1]["candidates"] == list(seen.values())

    async def test_they_get_leads_again_when_back(self, desk: Desk, settings: Settings) -> None:
        await rule(desk, candidates=users(desk, "north1"))
        await desk.absence("north1", NOON, NOON + timedelta(hours=1))
        first, second = await desk.lead(), await desk.lead()
        assert await react(desk, settings, first) == {}
        desk.clock.at += timedelta(hours=1)
        assert list((await react(desk, settings, second)).values()) == [desk.users["north1"]]

    async def test_capacity_is_never_exceeded_when_many_reactions_run_at_once(
        self, desk: Desk, settings: Settings
    ) -> None:
        await desk.profile("north1", capacity=3)
        await desk.profile("north2", capacity=5)
        await rule(desk, candidates=users(desk, "north1", "north2"))
        leads = [await desk.lead() for _ in range(20)]
        found = await asyncio.gather(*(react(desk, settings, *leads[at : at + 4]) for at in range(0, 20, 4)))
        owners = Counter(owner for each in found for owner in each.values())
        assert owners == {desk.users["north1"]: 3, desk.users["north2"]: 5}

    async def test_only_who_works_just_then_gets_it_when_the_rule_says_so(
        self, desk: Desk, settings: Settings
    ) -> None:
        # Noon in UTC is a Monday's evening in Shanghai, where the tenant is.
        await desk.profile("north2", timezone="Europe/London")
        await rule(desk, working_hours_only=True, candidates=users(desk, "north1", "north2"))
        lead = await desk.lead()
        assert list((await react(desk, settings, lead)).values()) == [desk.users["north2"]]
        seen = await considered(desk, lead)
        assert (seen["North1"]["reason"], seen["North1"]["local_time"]) == (
            "out_of_hours",
            "2026-03-02 20:00",
        )
        assert seen["North2"]["local_time"] is None

    async def test_the_rules_give_it_to_nobody_when_somebody_wishes_no_contact(
        self, desk: Desk, settings: Settings
    ) -> None:
        await rule(desk)
        lead = await desk.lead()
        await desk("head", "PATCH", f"/v1/leads/{lead['id']}", {"do_not_contact": True})
        assert await react(desk, settings, lead) == {}
        [stored] = (await desk("head", "GET", f"/v1/leads/{lead['id']}/assignments")).json()["items"]
        assert (stored["owner_id"], stored["rules"][0]["failed_condition"]) == (None, "do_not_contact")
        body = {"lead": {"do_not_contact": True}}
        told = (await desk("head", "POST", "/v1/assignment-rules/explain", body)).json()
        assert (told["owner_id"], told["rules"][0]["failed_condition"]) == (None, "do_not_contact")


class TestWeighted:
    async def test_shares_are_exact_when_many_reactions_run_at_once(
        self, desk: Desk, settings: Settings
    ) -> None:
        for name, level in (("north1", "P1"), ("north2", "P2"), ("south1", "P3"), ("south2", "P5")):
            await desk.profile(name, level)
        weights = {"default": 10, "by_level": {"P1": 5, "P3": 12, "P5": 15}}
        made = await rule(desk, strategy="weighted", weights=weights)
        assert made["weights"] == weights | {"kpi": None}
        leads = [await desk.lead() for _ in range(42)]
        found = await asyncio.gather(*(react(desk, settings, *leads[at : at + 6]) for at in range(0, 42, 6)))
        owners = Counter(owner for each in found for owner in each.values())
        names = ("north1", "north2", "south1", "south2")
        assert [owners[desk.users[name]] for name in names] == [5, 10, 12, 15]
        credit = "select sum(abs(credit)) from turns where tenant_id = $1"
        assert await desk.admin.fetchval(credit, desk.tenant_id) == 0
        seen = await considered(desk, leads[0])
        assert {name: one["weight"] for name, one in seen.items()} == {
            "North1": 5, "North2": 10, "South1": 12, "South2": 15,
        }  # fmt: skip


class TestDemanding:
    async def test_skill_language_and_territory_decide_when_the_rule_demands_them(
        self, desk: Desk, settings: Settings
    ) -> None:
        await desk.profile("north1", skills=["cloud"], languages=["zh"], territories=["south"])
        await desk.profile("north2", skills=["cloud", "erp"], languages=["zh", "en"], territories=["south"])
        await desk.profile("south1", skills=["cloud"], languages=["zh", "en"])
        await rule(desk, strategy="territory", skills=["cloud"], languages=["zh", "en"])
        lead = await desk.lead(region="south")
        assert list((await react(desk, settings, lead)).values()) == [desk.users["north2"]]
        assert {name: one["reason"] for name, one in (await considered(desk, lead)).items()} == {
            "North1": "lacks_language",
            "North2": "chosen",
            "South1": "next_in_turn_was_another",
            "South2": "lacks_skill",
        }


class TestByHand:
    async def test_owner_and_reason_are_kept_when_assigned(self, desk: Desk) -> None:
        lead = await desk.lead()
        body = {"owner_id": str(desk.users["north1"]), "reason": "knows them"}
        answer = await desk("head", "POST", f"/v1/leads/{lead['id']}/assign", body)
        assert (answer.json()["owner_id"], answer.headers["etag"]) == (body["owner_id"], '"2"')
        [stored] = (await desk("head", "GET", f"/v1/leads/{lead['id']}/assignments")).json()["items"]
        assert (stored["how"], stored["reason"], stored["assigned_by"]) == (
            "manual", "knows them", str(desk.users["head"]),
        )  # fmt: skip
        data = (await desk.events(lead["id"]))[-1][2]
        assert "knows" not in str(data)
        assert (await desk("head", "POST", f"/v1/leads/{lead['id']}/assign", body)).code == "same_owner"

    async def test_a_supervisor_may_give_away_what_they_see_no_longer_then(self, desk: Desk) -> None:
        lead = await desk.lead()
        path = f"/v1/leads/{lead['id']}/assign"
        await desk("head", "POST", path, {"owner_id": str(desk.users["north1"])})
        answer = await desk("boss", "POST", path, {"owner_id": str(desk.users["south1"])})
        assert (answer.status, answer.json()["owner_id"]) == (200, str(desk.users["south1"]))
        assert (await desk("boss", "GET", f"/v1/leads/{lead['id']}")).status == 404

    async def test_it_is_refused_when_a_rep_gives_to_others_or_nobody_is_there(self, desk: Desk) -> None:
        lead = await desk.lead("north1")
        path = f"/v1/leads/{lead['id']}/assign"
        to_other = await desk("north1", "POST", path, {"owner_id": str(desk.users["north2"])})
        assert to_other.code == "assign_not_allowed"
        await desk.user("gone", "north-team", active=False)
        for owner in (desk.users["gone"], new_id()):
            answer = await desk("head", "POST", path, {"owner_id": str(owner)})
            assert (answer.status, answer.code, answer.pointers) == (422, "unfit_owner", ["/owner_id"])
        mine = await desk("north1", "POST", path, {"owner_id": str(desk.users["north1"])})
        assert mine.status == 200


class TestExplaining:
    async def test_every_candidate_is_told_and_nothing_changes_when_dry(self, desk: Desk) -> None:
        made = await rule(desk, conditions={"value_from": {"amount": "100", "currency": "CNY"}})
        body = {"lead": {"value": {"amount": "100", "currency": "CNY"}}}
        before = await desk.admin.fetchval("select count(*) from events where tenant_id = $1", desk.tenant_id)
        answers = [
            (await desk("head", "POST", "/v1/assignment-rules/explain", body)).json() for _ in range(2)
        ]
        assert answers[0] == answers[1]
        assert answers[0]["rule_id"] == made["id"]
        reasons = Counter(one["reason"] for one in answers[0]["rules"][0]["candidates"])
        assert reasons == {"chosen": 1, "next_in_turn_was_another": 3}
        assert (
            await desk.admin.fetchval("select count(*) from turns where tenant_id = $1", desk.tenant_id) == 0
        )
        after = await desk.admin.fetchval("select count(*) from events where tenant_id = $1", desk.tenant_id)
        assert before == after

    async def test_an_idempotency_key_stands_for_one_question_when_used_twice(self, desk: Desk) -> None:
        await rule(desk)
        first, again, other = [
            await desk("head", "POST", "/v1/assignment-rules/explain", {"lead": facts}, idempotency_key="one")
            for facts in ({}, {}, {"region": "N"})
        ]
        assert (first.status, first.json()) == (again.status, again.json())
        assert (other.status, other.code) == (422, "idempotency_key_reused")

    async def test_a_lead_that_is_there_is_explained_when_named(self, desk: Desk) -> None:
        await rule(desk, conditions={"tags": ["vip"]})
        lead = await desk.lead(tags=["vip"])
        answer = await desk("head", "POST", "/v1/assignment-rules/explain", {"lead_id": lead["id"]})
        assert answer.json()["owner_id"] is not None
        both = {"lead_id": lead["id"], "lead": {}}
        assert (await desk("head", "POST", "/v1/assignment-rules/explain", both)).code == "which_lead"
        assert (await desk("head", "POST", "/v1/assignment-rules/explain", {})).code == "which_lead"
