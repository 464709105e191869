"""Rules that act by themselves, through the gateway: what one service records lets a rule act in another."""

from __future__ import annotations

import orjson

from tests.e2e.test_live_events import first
from tests.support.speaking import Person, Tenant

ALERTED = "cox.leads.automation_alerted.v1"


async def rules(admin: Person, rep_id: str) -> tuple[str, str]:
    """All leads to a rep; a call moves them, and whoever is above hears of it. The ids of the latter two."""
    candidates = {"user_ids": [rep_id]}
    everything = {"name": "all", "strategy": "round_robin", "candidates": candidates}
    await admin.post("/v1/assignment-rules", everything)
    called = {"event": "activity_recorded", "kind": ["call"], "effective": True}
    actions = [{"do": "move", "to": "first_contact"}, {"do": "tag", "add": ["reached"]}]
    call = await admin.post(
        "/v1/automation-rules",
        {"name": "called", "when": called, "conditions": {"stage": ["prospecting"]}, "actions": actions},
    )
    moved = {"event": "stage_changed", "to_stage": ["first_contact"]}
    alert = {"do": "alert", "code": "reached", "owner": True, "boss": "supervisor"}
    told = await admin.post("/v1/automation-rules", {"name": "told", "when": moved, "actions": [alert]})
    return call["id"], told["id"]


class TestAutomation:
    async def test_a_call_moves_the_lead_and_its_supervisor_is_told_when_rules_say_so(
        self, tenant: Tenant
    ) -> None:
        await tenant.team("North")
        lin, chief = await tenant.hire("Lin", "North"), await tenant.hire("Chief", "North", "supervisor")
        admin, people = tenant.admin, tenant.people
        call, told = await rules(admin, people["Lin"])
        made = await admin.create_lead("Acme")
        await admin.lead_when(made["id"], lambda lead: lead["owner_id"] == people["Lin"])
        async with chief.listening(f"?types={ALERTED}") as events:
            await lin.record("call", made["id"], outcome="connected", duration_s=42)
            event = orjson.loads((await first(events, ALERTED))["data"])
        assert event["data"]["code"] == "reached"
        assert event["data"]["user_ids"] == [people["Lin"], people["Chief"]]
        now = await lin.get(f"/v1/leads/{made['id']}")
        assert (now["stage"], now["tags"]) == ("first_contact", ["reached"])
        runs = (await lin.get(f"/v1/leads/{made['id']}/automation-runs"))["items"]
        assert [(run["rule_id"], run["depth"], run["outcome"]) for run in runs] == [
            (told, 2, "done"), (call, 1, "done"),
        ]  # fmt: skip
        tried = await admin.post("/v1/automation-rules/dry-run", {"automation_rule_id": call, "days": 1})
        assert (tried["matched"], tried["unmet"]) == (1, {"stage": 1})
