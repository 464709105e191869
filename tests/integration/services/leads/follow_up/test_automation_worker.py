"""Automation on a real Kafka: what one rule does reaches the next, once, and comes to an end."""

from __future__ import annotations

import asyncio
from typing import Any
from uuid import UUID

from services.leads.bootstrap import build_worker
from services.leads.capture.intake.use_cases import record_lead_events
from shared.contracts.activities import ActivityRecorded
from shared.contracts.base import Credit, Dimensions
from shared.contracts.leads import LeadUpdated
from shared.database.engine import make_engine
from shared.database.transactions import Access, Database
from shared.events.journal import NewEvent
from shared.ids import new_id
from shared.settings import Settings
from tests.integration.services.leads.assigning.test_assignment import rule, users
from tests.integration.services.leads.automating import automation, of_leads, runs, shown, told
from tests.integration.services.leads.conftest import NOON, Desk
from tests.integration.services.leads.test_worker import LIMIT_S, Elsewhere

_OFFSETS = "select sum(next)::bigint from offsets where consumer = 'leads.automation'"


async def come_to_rest(desk: Desk) -> None:
    """All that was recorded is published, and the reaction has read it; the limit is a hang guard."""
    waiting = """
    select exists (select from outbox_pending) or exists (
      select from events e where e.tenant_id = $1 and e.aggregate_type = 'lead' and not exists (
        select from positions p where p.consumer = 'leads.automation' and p.aggregate_id = e.aggregate_id
          and p.seq >= e.seq))"""
    async with asyncio.timeout(LIMIT_S):
        while await desk.admin.fetchval(waiting, desk.tenant_id):  # noqa: ASYNC110 - positions tell nobody
            await asyncio.sleep(0.02)


async def ran(desk: Desk, lead: dict[str, Any], number: int = 1) -> None:
    """So many runs on a lead are logged; the limit is a hang guard."""
    async with asyncio.timeout(LIMIT_S):
        while len(await runs(desk, lead)) < number:  # noqa: ASYNC110 - the log tells nobody
            await asyncio.sleep(0.02)


class TestRules:
    async def test_they_come_to_rest_when_they_set_one_another_off(self, working: Desk) -> None:
        north1, north2 = (str(working.users[name]) for name in ("north1", "north2"))
        await rule(working, candidates=users(working, "north1"))
        for mine, other in ((north1, north2), (north2, north1)):
            await automation(
                working, "lead_assigned", {"do": "assign", "owner_id": other},
                conditions={"owner_ids": [mine]},
            )  # fmt: skip
        lead = await working.lead()
        await ran(working, lead)
        await come_to_rest(working)
        outcomes = await told(working, lead)
        assert outcomes.count(("done", None)) == 2
        assert set(outcomes) == {("done", None), ("stopped", "loop")}
        assert len({run["chain_id"] for run in await runs(working, lead)}) == 1

    async def test_each_acts_once_when_the_log_is_read_again_from_its_beginning(
        self, desk: Desk, settings: Settings, topics: str
    ) -> None:
        await automation(desk, "lead_created", {"do": "tag", "add": ["hot"]},
                         {"do": "alert", "code": "new", "user_ids": [str(desk.users["boss"])]})  # fmt: skip
        leads = []
        for again in (False, True):
            worker = build_worker(settings, clock=desk.clock)
            running = asyncio.create_task(worker.run())
            try:
                if not again:
                    leads = [await desk.lead() for _ in range(3)]
                    for lead in leads:
                        await ran(desk, lead)
                await come_to_rest(desk)
            finally:
                await worker.stop()
                await running
            if not again:
                before = await of_leads(desk, "events", "leads", "automation_runs")
                # As if it had never heard of any of it.
                await desk.admin.execute("delete from positions where consumer = 'leads.automation'")
                await desk.admin.execute(
                    "update offsets set next = 0, before_id = null where consumer = 'leads.automation'"
                )
        assert await of_leads(desk, "events", "leads", "automation_runs") == before
        assert await desk.admin.fetchval(_OFFSETS) > 0

    async def test_the_past_sets_nothing_off_when_it_is_imported(
        self, working: Desk, settings: Settings
    ) -> None:
        await automation(working, {"event": "lead_updated", "changed": ["region"]},
                         {"do": "tag", "add": ["past"]})  # fmt: skip
        await automation(working, {"event": "lead_updated", "changed": ["company"]},
                         {"do": "tag", "add": ["live"]})  # fmt: skip
        lead = await working.lead()
        app = Database(make_engine(settings, "leads", "app", pool_size=1))
        try:
            async with app.transaction(Access(working.tenant_id)) as tx:
                imported = LeadUpdated(changed=("region",), dimensions=Dimensions())
                await record_lead_events(tx, [NewEvent(UUID(lead["id"]), imported, NOON, historic=True)])
        finally:
            await app.dispose()
        await working("head", "PATCH", f"/v1/leads/{lead['id']}", {"company": "ACME"})
        await ran(working, lead)
        assert (await shown(working, lead))["tags"] == ["live"]
        assert await told(working, lead) == [("done", None)]

    async def test_an_activity_counts_for_what_the_stage_demands_when_a_rule_acts_on_it(
        self, working: Desk, settings: Settings
    ) -> None:
        pipeline = (await working("head", "GET", "/v1/pipelines")).json()["items"][0]
        stages = [stage | {"required_activities": ["call"]} for stage in pipeline["stages"]]
        await working("head", "PATCH", f"/v1/pipelines/{pipeline['id']}", {"stages": stages})
        await automation(
            working, {"event": "activity_recorded", "kind": ["call"], "outcome": ["connected"]},
            {"do": "move", "to": "first_contact"}, conditions={"stage": ["prospecting"]},
        )  # fmt: skip
        lead = await working.lead()
        elsewhere = Elsewhere(settings, working.tenant_id)
        for outcome in ("busy", "connected"):
            call = ActivityRecorded(
                kind="call", lead_id=UUID(lead["id"]), owner_id=None,
                credit=Credit(rep_id=working.users["north1"]), dimensions=Dimensions(), outcome=outcome,
                duration_s=42, effective=outcome == "connected",
            )  # fmt: skip
            await elsewhere.publish("cox.activities", new_id(), call)
        await ran(working, lead)
        assert await told(working, lead) == [("done", None)]
        assert (await shown(working, lead))["stage"] == "first_contact"
        left = "select count(*) from timer_generations where tenant_id = $1 and kind like '%automation%'"
        assert await working.admin.fetchval(left, working.tenant_id) == 0
