"""What rules wait for, and which leads they are about."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from services.leads.assigning.assignment.conditions import Conditions
from services.leads.assigning.assignment.use_cases import facts_of
from services.leads.capture.intake.lead import Lead
from services.leads.follow_up.automation.rules import Demands, unmet
from services.leads.follow_up.automation.triggers import SOURCES, When, matches
from shared.contracts.activities import ActivityRecorded
from shared.contracts.leads import LeadPooled, LeadUpdated, StageChanged
from shared.ids import new_id

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
POOL, OWNER, PIPELINE = new_id(), new_id(), new_id()


def lead(**fields: Any) -> Lead:
    values: dict[str, Any] = dict.fromkeys(Lead._fields)
    values |= {
        "tenant_id": new_id(), "id": new_id(), "seq": 1, "name": "Anna Li", "tags": (), "custom": {},
        "pipeline_id": PIPELINE, "stage": "prospecting", "status": "open", "stage_entered_at": NOON,
        "started_at": NOON, "start_known": True, "created_at": NOON, "updated_at": NOON,
        "do_not_contact": False,
    }  # fmt: skip
    return Lead(**values | fields)


def moved(from_stage: str, to_stage: str, before: str = "open", after: str = "open") -> dict[str, Any]:
    return {
        "from_stage": from_stage, "to_stage": to_stage, "from_status": before, "to_status": after,
        "reason_code": "price" if after == "lost" else None,
    }  # fmt: skip


class TestMatching:
    @pytest.mark.parametrize(
        ("when", "data", "expected"),
        [
            (When("stage_changed"), moved("a", "b"), True),
            (When("stage_changed"), moved("a", "won", after="won"), True),
            (When("stage_changed", to_stage=("c", "b")), moved("a", "b"), True),
            (When("stage_changed", to_stage=("c",)), moved("a", "b"), False),
            (When("stage_changed", from_stage=("b",)), moved("a", "b"), False),
            (When("lead_won"), moved("a", "b"), False),
            (When("lead_won"), moved("a", "won", after="won"), True),
            (When("lead_won", from_stage=("b",)), moved("a", "won", after="won"), False),
            (When("lead_lost"), moved("a", "won", after="won"), False),
            (When("lead_lost", reason=("price",)), moved("a", "lost", after="lost"), True),
            (When("lead_lost", reason=("time",)), moved("a", "lost", after="lost"), False),
            (When("lead_reopened"), moved("a", "b"), False),
            (When("lead_reopened"), moved("lost", "b", before="lost"), True),
            (When("lead_reopened"), moved("lost", "won", before="lost", after="won"), False),
        ],
    )
    def test_moves_are_told_apart_when_rules_wait_for_some(
        self, when: When, data: dict[str, Any], expected: bool
    ) -> None:
        assert matches(when, StageChanged.type_name(), data) is expected

    @pytest.mark.parametrize(
        ("when", "event", "data", "expected"),
        [
            (When("lead_updated"), LeadUpdated, {"changed": ["name"]}, True),
            (When("lead_updated", changed=("region", "name")), LeadUpdated, {"changed": ["name"]}, True),
            (When("lead_updated", changed=("region",)), LeadUpdated, {"changed": ["name"]}, False),
            (When("lead_pooled", why=("released",)), LeadPooled, {"why": "released"}, True),
            (When("lead_pooled", why=("released",)), LeadPooled, {"why": "no_deal"}, False),
            (When("lead_pooled"), LeadUpdated, {"changed": ["name"]}, False),
        ],
    )
    def test_any_of_the_values_will_do_when_some_are_given(
        self, when: When, event: type[Any], data: dict[str, Any], expected: bool
    ) -> None:
        assert matches(when, event.type_name(), data) is expected

    @pytest.mark.parametrize(
        ("when", "expected"),
        [
            (When("activity_recorded"), True),
            (When("activity_recorded", kind=("call", "visit")), True),
            (When("activity_recorded", kind=("visit",)), False),
            (When("activity_recorded", outcome=("connected",)), True),
            (When("activity_recorded", outcome=("busy",)), False),
            (When("activity_recorded", effective=True), False),
            (When("activity_recorded", effective=False), True),
        ],
    )
    def test_activities_are_told_apart_when_rules_wait_for_some(self, when: When, expected: bool) -> None:
        data = {"kind": "call", "outcome": "connected", "effective": False}
        assert matches(when, ActivityRecorded.type_name(), data) is expected

    def test_every_field_that_a_rule_may_give_stands_in_its_event(self) -> None:
        names = {"reason": "reason_code"}
        for trigger, source in SOURCES.items():
            told = {names.get(name, name) for name in source.told}
            assert told <= source.event.model_fields.keys(), trigger


class TestDemands:
    @pytest.mark.parametrize(
        ("demands", "fields", "expected"),
        [
            (Demands(), {}, None),
            (Demands(facts=Conditions(region=("north",))), {"region": "north"}, None),
            (Demands(facts=Conditions(region=("north",))), {"region": "south"}, "region"),
            (Demands(facts=Conditions(value_from=100)), {}, "value"),
            (Demands(without_tags=("vip",)), {"tags": ("vip", "new")}, "without_tags"),
            (Demands(without_tags=("vip",)), {"tags": ("new",)}, None),
            (Demands(status=("won", "lost")), {}, "status"),
            (Demands(stage=("prospecting",)), {}, None),
            (Demands(stage=("contract",)), {}, "stage"),
            (Demands(pipeline_ids=(PIPELINE,)), {}, None),
            (Demands(pipeline_ids=(POOL,)), {}, "pipeline_ids"),
            (Demands(owned=True), {}, "owned"),
            (Demands(owned=False), {}, None),
            (Demands(owner_ids=(OWNER,)), {"owner_id": OWNER}, None),
            (Demands(owner_ids=(POOL,)), {"owner_id": OWNER}, "owner_ids"),
            (Demands(pooled=True), {"pool_id": POOL}, "pooled"),
            (Demands(pooled=True), {"pool_id": POOL, "pooled_at": NOON}, None),
            (Demands(pool_ids=(POOL,)), {"pool_id": POOL}, "pool_ids"),
            (Demands(pool_ids=(POOL,)), {"pool_id": POOL, "pooled_at": NOON}, None),
            (Demands(custom={"size": 3}), {"custom": {"size": 3}}, None),
            (Demands(custom={"size": 3}), {"custom": {"size": 4}}, "custom"),
            (Demands(custom={"size": 1}), {"custom": {"size": True}}, "custom"),
            (Demands(custom={"size": None}), {"custom": {}}, None),
        ],
    )
    def test_the_first_that_is_not_met_is_named(
        self, demands: Demands, fields: dict[str, Any], expected: str | None
    ) -> None:
        found = lead(**fields)
        assert unmet(demands, found, facts_of(found)) == expected

    def test_who_wishes_no_contact_is_no_matter_when_a_rule_looks(self) -> None:
        found = lead(region="north")._replace(do_not_contact=True)
        assert unmet(Demands(facts=Conditions(region=("north",))), found, facts_of(found)) is None
