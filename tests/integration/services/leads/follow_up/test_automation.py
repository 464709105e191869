"""Rules act through the use cases of everybody, once each, and come to an end."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from itertools import pairwise
from typing import Any
from uuid import UUID

import pytest

from services.leads.follow_up.automation.use_cases import purge_runs
from shared.database.engine import make_engine
from shared.database.transactions import Database
from shared.settings import Settings
from tests.integration.services.leads.assigning.test_assignment import rule, users
from tests.integration.services.leads.automating import (
    RULES,
    Reader,
    automation,
    of_leads,
    reading,
    runs,
    shown,
    told,
)
from tests.integration.services.leads.conftest import Desk
from tests.integration.services.leads.follow_up.test_progress import loads
from tests.integration.services.leads.pools.test_pool import make_pool

TAG = {"do": "tag", "add": ["hot"]}


@pytest.fixture
async def reader(desk: Desk, settings: Settings) -> AsyncIterator[Reader]:
    async with reading(desk, settings) as made:
        yield made


class TestActions:
    async def test_tags_and_fields_change_by_the_same_way_when_a_rule_sets_them(
        self, desk: Desk, reader: Reader
    ) -> None:
        fields = {"region": "east", "product": None}
        await automation(
            desk, "lead_created", {"do": "tag", "add": ["hot", "new"], "remove": ["cold"]},
            {"do": "set", "fields": fields},
        )  # fmt: skip
        lead = await desk.lead(tags=["cold", "new"], region="north", product="crm")
        await reader.settle()
        now = await shown(desk, lead)
        assert (now["tags"], now["region"], now["product"]) == (["new", "hot"], "east", None)
        kinds = [(kind, data.get("changed")) for _, kind, data in await desk.events(lead["id"])]
        assert kinds == [
            ("lead_created", None), ("lead_updated", ["tags"]), ("lead_updated", ["product", "region"]),
        ]  # fmt: skip
        [found] = (await desk("head", "GET", "/v1/leads?tag=hot")).json()["items"]
        assert found["id"] == lead["id"]

    async def test_its_owner_and_the_counters_change_when_a_rule_assigns(
        self, desk: Desk, reader: Reader
    ) -> None:
        north1 = str(desk.users["north1"])
        await automation(desk, "lead_created", {"do": "assign", "owner_id": north1}, name="To north1")
        lead = await desk.lead()
        await reader.settle()
        assert (await shown(desk, lead))["owner_id"] == north1
        assert await loads(desk) == {"north1": 1}
        [given] = (await desk("head", "GET", f"/v1/leads/{lead['id']}/assignments")).json()["items"]
        assert (given["how"], given["assigned_by"], given["reason"]) == (
            "manual", None, "automation: To north1",
        )  # fmt: skip

    async def test_another_gets_it_by_turns_when_the_assignment_rules_decide_anew(
        self, desk: Desk, reader: Reader
    ) -> None:
        await rule(desk, candidates=users(desk, "north1", "north2"))
        await automation(
            desk, {"event": "lead_updated", "changed": ["region"]}, {"do": "assign_by_rules"},
            conditions={"region": ["south"]},
        )  # fmt: skip
        lead = await desk.lead()
        await desk("head", "POST", f"/v1/leads/{lead['id']}/assign", {"owner_id": str(desk.users["north1"])})
        await desk("head", "PATCH", f"/v1/leads/{lead['id']}", {"region": "south"})
        await reader.settle()
        assert (await shown(desk, lead))["owner_id"] == str(desk.users["north2"])
        assert await loads(desk) == {"north1": 0, "north2": 1}
        [run] = await runs(desk, lead)
        assert run["steps"][0]["owner_id"] == str(desk.users["north2"])

    async def test_it_moves_as_by_hand_when_a_rule_moves_it(self, desk: Desk, reader: Reader) -> None:
        await automation(
            desk, {"event": "stage_changed", "to_stage": ["contract"]},
            {"do": "move", "to": "lost", "reason": "price"},
        )  # fmt: skip
        lead = await desk.lead("north1")
        await desk("head", "POST", f"/v1/leads/{lead['id']}/move", {"to": "contract"})
        await reader.settle()
        now = await shown(desk, lead)
        assert (now["status"], now["lost_reason"]) == ("lost", "price")
        last = (await desk.events(lead["id"]))[-1][2]
        assert (last["from_stage"], last["to_stage"], last["reason_code"]) == ("contract", "lost", "price")

    async def test_it_lies_in_the_pool_when_a_rule_releases_it(self, desk: Desk, reader: Reader) -> None:
        pool = await make_pool(desk)
        await automation(
            desk, "lead_assigned", {"do": "release", "pool_id": pool["id"]},
            conditions={"tags": ["stale"]}, name="Stale ones",
        )  # fmt: skip
        lead = await desk.lead(tags=["stale"])
        await desk("head", "POST", f"/v1/leads/{lead['id']}/assign", {"owner_id": str(desk.users["north1"])})
        await reader.settle()
        now = await shown(desk, lead)
        assert (now["owner_id"], now["pool_id"], now["pooled_at"] is None) == (None, pool["id"], False)
        assert await loads(desk) == {"north1": 0}
        [entry, *_] = (await desk("head", "GET", f"/v1/leads/{lead['id']}/timeline")).json()["items"]
        assert (entry["kind"], entry["reason"]) == ("pooled", "automation: Stale ones")

    async def test_each_is_told_once_when_a_rule_alerts(self, desk: Desk, reader: Reader) -> None:
        made = await automation(
            desk, {"event": "lead_assigned"},
            {"do": "alert", "code": "big_deal", "text": "Look!", "owner": True, "boss": "supervisor",
             "user_ids": [str(desk.users["south1"]), str(desk.users["boss"])]},
        )  # fmt: skip
        lead = await desk.lead(region="north")
        await desk("head", "POST", f"/v1/leads/{lead['id']}/assign", {"owner_id": str(desk.users["north1"])})
        await reader.settle()
        _, kind, data = (await desk.events(lead["id"]))[-1]
        assert (kind, data["rule_id"], data["code"]) == ("automation_alerted", made, "big_deal")
        assert data["user_ids"] == [str(desk.users[name]) for name in ("north1", "boss", "south1")]
        assert (data["credit"]["rep_id"], "text" in data) == (str(desk.users["north1"]), False)

    async def test_nothing_happens_when_the_lead_is_so_already(self, desk: Desk, reader: Reader) -> None:
        north1 = str(desk.users["north1"])
        await automation(
            desk, {"event": "lead_updated", "changed": ["company"]}, {"do": "assign", "owner_id": north1},
            {"do": "move", "to": "contract"}, {"do": "set", "fields": {"region": "north"}}, TAG,
        )  # fmt: skip
        lead = await desk.lead(region="north", tags=["hot"])
        await desk("head", "POST", f"/v1/leads/{lead['id']}/assign", {"owner_id": north1})
        await desk("head", "POST", f"/v1/leads/{lead['id']}/move", {"to": "contract"})
        await desk("head", "PATCH", f"/v1/leads/{lead['id']}", {"company": "ACME"})
        before = await desk.events(lead["id"])
        await reader.settle()
        assert await desk.events(lead["id"]) == before
        [run] = await runs(desk, lead)
        assert (run["outcome"], {step["outcome"] for step in run["steps"]}) == ("done", {"nothing"})


class TestRefusals:
    async def test_nothing_of_a_run_is_left_when_its_last_action_is_refused(
        self, desk: Desk, reader: Reader
    ) -> None:
        pipeline = (await desk("head", "GET", "/v1/pipelines")).json()["items"][0]
        stages = [stage | {"required_activities": ["visit"]} for stage in pipeline["stages"]]
        await desk("head", "PATCH", f"/v1/pipelines/{pipeline['id']}", {"stages": stages})
        await automation(
            desk, "lead_created", TAG, {"do": "assign", "owner_id": str(desk.users["north1"])},
            {"do": "move", "to": "contract"}, {"do": "set", "fields": {"region": "north"}},
        )  # fmt: skip
        await automation(desk, "lead_created", {"do": "tag", "add": ["seen"]}, position=200)
        lead = await desk.lead()
        await reader.settle()
        now = await shown(desk, lead)
        assert (now["tags"], now["owner_id"], now["stage"]) == (["seen"], None, "prospecting")
        assert [kind for _, kind, _ in await desk.events(lead["id"])] == ["lead_created", "lead_updated"]
        assert await loads(desk) in ({}, {"north1": 0})
        refused, done = await runs(desk, lead)
        assert (refused["outcome"], refused["code"], done["outcome"]) == (
            "refused", "criteria_missing", "done",
        )  # fmt: skip
        assert "visit" in refused["detail"]
        assert [(step["do"], step["outcome"]) for step in refused["steps"]] == [
            ("tag", "undone"), ("assign", "undone"), ("move", "refused"),
        ]  # fmt: skip

    async def test_it_is_said_when_the_rules_have_nobody_else(self, desk: Desk, reader: Reader) -> None:
        await rule(desk, candidates=users(desk, "north1"))
        await automation(desk, "lead_assigned", {"do": "assign_by_rules"}, conditions={"owner_ids": [
            str(desk.users["north1"])
        ]})  # fmt: skip
        lead = await desk.lead()
        await desk("head", "POST", f"/v1/leads/{lead['id']}/assign", {"owner_id": str(desk.users["north1"])})
        await reader.settle()
        assert await told(desk, lead) == [("refused", "nobody_found")]
        assert (await shown(desk, lead))["owner_id"] == str(desk.users["north1"])

    async def test_it_is_said_when_nobody_is_left_to_be_told(self, desk: Desk, reader: Reader) -> None:
        await automation(desk, "lead_created", {"do": "alert", "code": "x", "owner": True})
        lead = await desk.lead()
        await reader.settle()
        assert await told(desk, lead) == [("refused", "nobody_to_tell")]


class TestConditions:
    async def test_nothing_is_logged_when_the_lead_is_not_as_demanded(
        self, desk: Desk, reader: Reader
    ) -> None:
        await automation(desk, "lead_created", TAG, conditions={"region": ["north"], "custom": {"size": 3}})
        other = await desk.lead(region="south", custom={"size": 3})
        such = await desk.lead(region="north", custom={"size": 3})
        await reader.settle()
        assert (await told(desk, other), await told(desk, such)) == ([], [("done", None)])

    async def test_the_second_rule_sees_what_the_first_has_done_when_both_wait_for_the_event(
        self, desk: Desk, reader: Reader
    ) -> None:
        await automation(desk, "lead_created", {"do": "tag", "add": ["second"]}, position=2,
                         conditions={"tags": ["first"]})  # fmt: skip
        await automation(desk, "lead_created", {"do": "tag", "add": ["first"]}, position=1)
        lead = await desk.lead()
        await reader.settle()
        assert (await shown(desk, lead))["tags"] == ["first", "second"]

    async def test_it_does_not_act_when_it_is_at_rest(self, desk: Desk, reader: Reader) -> None:
        made = await automation(desk, "lead_created", TAG)
        await desk("head", "DELETE", f"{RULES}/{made}")
        lead = await desk.lead()
        await reader.settle()
        assert await told(desk, lead) == []


class TestOnce:
    async def test_a_rule_acts_once_on_an_event_when_it_comes_again(self, desk: Desk, reader: Reader) -> None:
        await automation(desk, "lead_created", {"do": "alert", "code": "x", "user_ids": [
            str(desk.users["boss"])
        ]})  # fmt: skip
        lead = await desk.lead()
        await reader.settle()
        before = await of_leads(desk, "events", "automation_runs", "leads")
        await reader.tell(await reader.happened(0))
        assert await of_leads(desk, "events", "automation_runs", "leads") == before
        assert await told(desk, lead) == [("done", None)]

    async def test_a_rule_acts_once_on_an_event_when_two_read_it_at_once(
        self, desk: Desk, reader: Reader
    ) -> None:
        await rule(desk)
        await automation(desk, "lead_created", {"do": "assign_by_rules"}, TAG)
        leads = [await desk.lead() for _ in range(8)]
        happened = await reader.happened(0)
        await asyncio.gather(*(reader.tell(happened) for _ in range(4)))
        assert [await told(desk, lead) for lead in leads] == [[("done", None)]] * 8
        assert sorted((await loads(desk)).values()) == [2, 2, 2, 2]


class TestLoops:
    async def test_two_rules_come_to_rest_when_they_set_one_another_off(
        self, desk: Desk, reader: Reader
    ) -> None:
        for given, taken in (("red", "blue"), ("blue", "red")):
            await automation(
                desk, {"event": "lead_updated", "changed": ["tags"]},
                {"do": "tag", "add": [given], "remove": [taken]}, conditions={"tags": [taken]}, name=given,
            )  # fmt: skip
        lead = await desk.lead()
        await desk("head", "PATCH", f"/v1/leads/{lead['id']}", {"tags": ["blue"]})
        assert await reader.settle() <= 5
        both_once = [("done", None)] * 2 + [("stopped", "loop")] * 2
        assert await told(desk, lead) == both_once
        chain = await runs(desk, lead)
        assert [run["depth"] for run in chain] == [1, 1, 2, 2]
        assert {run["chain_id"] for run in chain} == {chain[0]["event_id"]}
        [newest, *_] = (await desk("head", "GET", f"{RULES}/{chain[-1]['rule_id']}/runs")).json()["items"]
        assert newest == chain[-1]
        # Another change by hand begins another chain.
        await desk("head", "PATCH", f"/v1/leads/{lead['id']}", {"tags": ["red"]})
        await reader.settle()
        assert await told(desk, lead) == both_once * 2

    async def test_three_come_to_rest_when_an_assignment_stands_between(
        self, desk: Desk, reader: Reader
    ) -> None:
        await rule(desk, candidates=users(desk, "north1", "north2", "south1"))
        await automation(desk, "lead_assigned", {"do": "set", "fields": {"region": "x"}}, name="a",
                         conditions={"region": ["y"]})  # fmt: skip
        await automation(desk, {"event": "lead_updated", "changed": ["region"]}, {"do": "assign_by_rules"},
                         name="b")  # fmt: skip
        await automation(desk, "lead_assigned", {"do": "set", "fields": {"region": "y"}}, name="c",
                         conditions={"region": ["x"]}, position=200)  # fmt: skip
        lead = await desk.lead()
        await desk("head", "PATCH", f"/v1/leads/{lead['id']}", {"region": "x"})
        await reader.settle()
        outcomes = await told(desk, lead)
        assert outcomes[0] == ("done", None)
        assert ("stopped", "loop") in outcomes
        assert [run["outcome"] for run in await runs(desk, lead)].count("done") <= 3

    async def test_a_long_row_of_rules_ends_when_it_is_too_deep(self, desk: Desk, reader: Reader) -> None:
        names = [f"t{number}" for number in range(8)]
        # The last one looks first: each sees only by the next event what the one before it has done.
        for at, (have, give) in enumerate(pairwise(names)):
            await automation(
                desk, {"event": "lead_updated", "changed": ["tags"]}, {"do": "tag", "add": [give]},
                conditions={"tags": [have], "without_tags": [give]}, position=-at,
            )  # fmt: skip
        lead = await desk.lead()
        await desk("head", "PATCH", f"/v1/leads/{lead['id']}", {"tags": ["t0"]})
        await reader.settle()
        assert await told(desk, lead) == [("done", None)] * 5 + [("stopped", "too_deep")]
        assert (await shown(desk, lead))["tags"] == names[:6]

    async def test_events_name_the_event_that_the_rule_ran_on_when_they_are_made(
        self, desk: Desk, reader: Reader
    ) -> None:
        await automation(desk, "lead_created", TAG, {"do": "assign", "owner_id": str(desk.users["north1"])})
        lead = await desk.lead()
        await reader.settle()
        rows = await desk.admin.fetch(
            "select event_id, causation_id from events where aggregate_id = $1 order by seq",
            UUID(lead["id"]),
        )
        assert [row["causation_id"] for row in rows] == [None, *[rows[0]["event_id"]] * 2]


class TestTheLog:
    async def test_runs_of_a_rule_are_those_of_leads_that_the_caller_sees_when_read(
        self, desk: Desk, reader: Reader
    ) -> None:
        made = await automation(desk, "lead_created", TAG)
        mine, *_ = [await desk.lead(by) for by in ("north1", "south1", "head", "north2", "north1")]
        await reader.settle()
        seen: list[dict[str, Any]] = []
        cursor = ""
        while True:
            page = (await desk("head", "GET", f"{RULES}/{made}/runs?limit=2{cursor}")).json()
            seen += page["items"]
            if page["next_cursor"] is None:
                break
            cursor = f"&cursor={page['next_cursor']}"
        assert len(seen) == 5
        assert [run["id"] for run in seen] == sorted((run["id"] for run in seen), reverse=True)
        own = (await desk("north1", "GET", f"{RULES}/{made}/runs")).json()["items"]
        assert len(own) == 2
        assert mine["id"] in {run["lead_id"] for run in own}
        hidden = await desk("south1", "GET", f"/v1/leads/{mine['id']}/automation-runs")
        assert hidden.status == 404

    async def test_old_runs_are_gone_when_they_were_kept_long_enough(
        self, desk: Desk, reader: Reader, settings: Settings
    ) -> None:
        await automation(desk, "lead_created", TAG)
        old = await desk.lead()
        await reader.settle()
        desk.clock.at += timedelta(days=60)
        young = await desk.lead()
        await reader.settle()
        worker = Database(make_engine(settings, "leads", "worker", pool_size=1))
        try:
            await purge_runs(worker, desk.clock.at + timedelta(days=31))
        finally:
            await worker.dispose()
        assert (await told(desk, old), await told(desk, young)) == ([], [("done", None)])
