"""A dry run tells what a rule would do, changes nothing, and the rule then does just that."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from services.leads.follow_up.automation import dry_run
from shared.ids import new_id
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
)
from tests.integration.services.leads.conftest import NOON, Desk
from tests.integration.services.leads.pools.test_pool import make_pool

TABLES = (
    "events", "leads", "lead_changes", "assignments", "rotations", "turns", "rep_loads", "pool_entries",
    "stage_history", "automation_rules", "automation_runs", "timers",
)  # fmt: skip
TAG = {"do": "tag", "add": ["hot"]}


@pytest.fixture
async def reader(desk: Desk, settings: Settings) -> AsyncIterator[Reader]:
    async with reading(desk, settings) as made:
        yield made


async def tried(desk: Desk, body: dict[str, Any], by: str = "head") -> dict[str, Any]:
    answer = await desk(by, "POST", f"{RULES}/dry-run", body)
    assert answer.status == 200, answer
    found: dict[str, Any] = answer.json()
    return found


def drafted(event: str | dict[str, Any], *actions: dict[str, Any], **fields: Any) -> dict[str, Any]:
    when = {"event": event} if isinstance(event, str) else event
    return {"rule": {"name": "Draft", "when": when, "actions": list(actions)} | fields}


class TestDryRun:
    async def test_it_is_what_the_rule_then_does_and_nothing_has_changed_when_tried_before(
        self, desk: Desk, reader: Reader
    ) -> None:
        await rule(desk, candidates=users(desk, "north1", "north2", "south1"))
        pool = await make_pool(desk)
        actions = (
            {"do": "assign_by_rules"}, TAG, {"do": "alert", "code": "new", "owner": True},
            {"do": "move", "to": "needs_analysis"},
        )  # fmt: skip
        conditions = {"region": ["north"]}
        leads = [await desk.lead(region="north") for _ in range(5)]
        away = await desk.lead(region="north")
        await desk("head", "POST", f"/v1/leads/{away['id']}/release", {"pool_id": pool["id"]})
        await desk.lead(region="south")
        before = await of_leads(desk, *TABLES)
        found = await tried(desk, drafted("lead_created", *actions, conditions=conditions))
        assert await of_leads(desk, *TABLES) == before
        assert [found[name] for name in ("events", "matched", "leads", "apply", "cut")] == [7, 7, 7, 6, False]
        assert found["unmet"] == {"region": 1}
        # The same events, newest first, as the dry run took them.
        await automation(desk, "lead_created", *actions, conditions=conditions)
        await reader.tell(list(reversed(await reader.happened(0))))
        for told in found["tried"]:
            [real] = await runs(desk, {"id": told["lead_id"]})
            assert {name: real[name] for name in told} == told
        outcomes = {told["lead_id"]: (told["outcome"], told["code"]) for told in found["tried"]}
        assert outcomes == {lead["id"]: ("done", None) for lead in leads} | {
            away["id"]: ("refused", "nobody_found")
        }

    async def test_a_rule_that_has_run_is_tried_as_if_it_had_not_when_asked_for(
        self, desk: Desk, reader: Reader
    ) -> None:
        made = await automation(desk, {"event": "lead_updated", "changed": ["region"]}, TAG)
        lead = await desk.lead()
        for region in ("north", "south"):
            await desk("head", "PATCH", f"/v1/leads/{lead['id']}", {"region": region})
        await desk("head", "PATCH", f"/v1/leads/{lead['id']}", {"company": "ACME"})
        await reader.settle()
        await desk("head", "PATCH", f"/v1/leads/{lead['id']}", {"tags": []})
        found = await tried(desk, {"automation_rule_id": made, "days": 1})
        assert [found[name] for name in ("events", "matched", "leads", "apply")] == [5, 2, 1, 1]
        [told] = found["tried"]
        assert (told["lead_id"], told["steps"][0]["outcome"]) == (lead["id"], "done")
        assert (await shown(desk, lead))["tags"] == []

    async def test_only_the_last_days_count_and_no_past_that_was_imported(self, desk: Desk) -> None:
        old = await desk.lead()
        desk.clock.at += timedelta(days=3)
        young = await desk.lead()
        historic = await desk.lead()
        # As an import records it.
        await desk.admin.execute(
            "update events set historic = true where aggregate_id = $1", UUID(historic["id"])
        )
        found = await tried(desk, drafted("lead_created", TAG) | {"days": 2})
        assert [told["lead_id"] for told in found["tried"]] == [young["id"]]
        found = await tried(desk, drafted("lead_created", TAG) | {"days": 4})
        assert [told["lead_id"] for told in found["tried"]] == [young["id"], old["id"]]

    async def test_it_says_that_it_is_cut_when_there_was_more_than_it_reads(
        self, desk: Desk, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        for _ in range(3):
            await desk.lead()
        asked = drafted("lead_created", TAG)
        monkeypatch.setattr(dry_run, "MOST_LEADS", 2)
        found = await tried(desk, asked)
        assert (found["events"], found["cut"], found["apply"], len(found["tried"])) == (3, False, 3, 2)
        monkeypatch.setattr(dry_run, "MOST_EVENTS", 2)
        found = await tried(desk, asked)
        assert (found["events"], found["cut"]) == (2, True)
        monkeypatch.setattr(dry_run, "JOURNAL_DEPTH", 1)
        await desk.lead()
        found = await tried(desk, asked)
        assert (found["events"], found["cut"]) == (1, True)

    async def test_what_was_done_for_leads_counts_when_a_rule_waits_for_activities(self, desk: Desk) -> None:
        lead = await desk.lead("north1")
        for kind, effective, days in (("call", True, 1), ("call", False, 1), ("visit", True, 9)):
            await desk.admin.execute(
                "insert into lead_activities (tenant_id, lead_id, activity_id, kind, at, effective)"
                " values ($1, $2, $3, $4, $5, $6)",
                desk.tenant_id, UUID(lead["id"]), new_id(), kind, NOON - timedelta(days=days), effective,
            )  # fmt: skip
        found = await tried(desk, drafted({"event": "activity_recorded", "effective": True}, TAG))
        assert [found[name] for name in ("events", "matched", "leads")] == [2, 1, 1]
        assert [told["outcome"] for told in found["tried"]] == ["done"]

    async def test_it_is_refused_as_when_saved_when_the_rule_cannot_work(self, desk: Desk) -> None:
        answer = await desk("head", "POST", f"{RULES}/dry-run", drafted("lead_updated", TAG))
        assert (answer.status, answer.json()["errors"][0]["code"]) == (422, "sets_itself_off")
        made = await automation(desk, "lead_created", TAG)
        both = drafted("lead_created", TAG) | {"automation_rule_id": made}
        for body in (both, {"days": 3}, {"automation_rule_id": made, "days": 31}):
            assert (await desk("head", "POST", f"{RULES}/dry-run", body)).status == 422
        unknown = await desk("head", "POST", f"{RULES}/dry-run", {"automation_rule_id": str(new_id())})
        assert unknown.status == 404
