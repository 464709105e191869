"""What of a rule cannot work, each with where it stands."""

from __future__ import annotations

from typing import Any

import pytest

from services.leads.assigning.assignment.conditions import Conditions
from services.leads.follow_up.automation.checking import AutomationImpossible, check_terms
from services.leads.follow_up.automation.rules import (
    Action,
    Alert,
    Assign,
    AssignByRules,
    Demands,
    Move,
    Release,
    Set,
    Tag,
    Terms,
)
from services.leads.follow_up.automation.triggers import When
from shared.ids import new_id

A, B, POOL = new_id(), new_id(), new_id()
TELL, TELL_A = Alert("x", owner=True), Alert("x", user_ids=(A,))


def wrong(when: When, demands: Demands, *actions: Action) -> dict[str, str]:
    """What is wrong, the codes by where it stands."""
    try:
        check_terms(Terms(when, demands, actions))
    except AutomationImpossible as refused:
        return {error.pointer: error.code for error in refused.errors}
    return {}


class TestWhen:
    @pytest.mark.parametrize(
        ("when", "expected"),
        [
            (When("lead_created", kind=("call",)), {"/when/kind": "not_told"}),
            (When("activity_recorded", why=("released",)), {"/when/why": "not_told"}),
            (When("lead_updated", effective=False), {"/when/effective": "not_told"}),
            (When("lead_won", to_stage=("won",)), {"/when/to_stage": "not_told"}),
            (When("stage_changed", from_stage=("a",), to_stage=("a",)), {"/when/to_stage": "contradiction"}),
            (When("stage_changed", from_stage=("a", "b"), to_stage=("a",)), {}),
        ],
    )
    def test_refused_when_the_event_never_is_so(self, when: When, expected: dict[str, str]) -> None:
        assert wrong(when, Demands(), TELL) == expected


class TestConditions:
    @pytest.mark.parametrize(
        ("when", "demands", "pointer"),
        [
            (When("lead_updated"), Demands(Conditions(value_from=2, value_to=1)), "value_from"),
            (When("lead_updated"), Demands(Conditions(tags=("a",)), without_tags=("a", "b")), "tags"),
            (When("lead_created"), Demands(status=("won",)), "status"),
            (When("lead_reopened"), Demands(status=("won", "lost")), "status"),
            (When("lead_won"), Demands(status=("open",)), "status"),
            (When("lead_won"), Demands(stage=("contract",)), "stage"),
            (When("lead_lost"), Demands(stage=("won",)), "stage"),
            (When("stage_changed", to_stage=("a",)), Demands(stage=("b",)), "stage"),
            (When("stage_changed", to_stage=("won",)), Demands(status=("open", "lost")), "status"),
            (When("lead_updated"), Demands(stage=("a",), status=("lost",)), "status"),
            (When("lead_assigned"), Demands(owned=False), "owned"),
            (When("response_overdue"), Demands(owned=False), "owned"),
            (When("lead_updated"), Demands(owned=False, owner_ids=(A,)), "owned"),
            (When("lead_pooled"), Demands(pooled=False), "pooled"),
            (When("lead_assigned"), Demands(pool_ids=(POOL,)), "pooled"),
            (When("lead_updated"), Demands(pooled=True, owned=True), "owned"),
        ],
    )
    def test_refused_when_no_lead_can_meet_them(self, when: When, demands: Demands, pointer: str) -> None:
        assert wrong(when, demands, TELL_A) == {f"/conditions/{pointer}": "contradiction"}

    @pytest.mark.parametrize(
        ("when", "demands"),
        [
            (When("lead_created"), Demands(status=("open",))),
            (When("stage_changed", to_stage=("a", "b")), Demands(stage=("b",), status=("open",))),
            (When("stage_changed"), Demands(status=("won",))),
            (When("lead_pooled"), Demands(owned=False, pooled=True, pool_ids=(POOL,))),
            (When("lead_updated"), Demands(Conditions(tags=("a", "b")), without_tags=("a",))),
            (When("lead_updated"), Demands(Conditions(value_from=1, value_to=1))),
        ],
    )
    def test_accepted_when_some_lead_can(self, when: When, demands: Demands) -> None:
        assert wrong(when, demands, TELL_A) == {}


class TestActions:
    @pytest.mark.parametrize(
        ("when", "demands", "action", "code"),
        [
            (When("lead_created"), Demands(), Tag(), "does_nothing"),
            (When("lead_created"), Demands(Conditions(tags=("a",))), Tag(add=("a",)), "does_nothing"),
            (When("lead_created"), Demands(without_tags=("a",)), Tag(remove=("a",)), "does_nothing"),
            (
                When("lead_created"),
                Demands(Conditions(region=("n",))),
                Set({"region": "n"}),
                "does_nothing",
            ),
            (When("lead_won"), Demands(), Move("won"), "does_nothing"),
            (When("lead_created"), Demands(stage=("b",)), Move("b"), "does_nothing"),
            (When("lead_updated"), Demands(owner_ids=(A,)), Assign(A), "does_nothing"),
            (When("lead_created"), Demands(), Move("b", reason="price"), "reason_of_a_loss"),
            (When("lead_created"), Demands(), Alert("x"), "nobody_to_tell"),
            (When("lead_pooled"), Demands(), Alert("x", boss="manager"), "nobody_to_tell"),
            (When("lead_pooled"), Demands(), AssignByRules(), "never_works"),
            (When("lead_lost"), Demands(), AssignByRules(), "never_works"),
            (When("lead_updated"), Demands(pooled=True), Release(), "never_works"),
        ],
    )
    def test_refused_when_it_is_idle_or_impossible(
        self, when: When, demands: Demands, action: Action, code: str
    ) -> None:
        assert wrong(when, demands, TELL_A, action) == {"/actions/1": code}

    @pytest.mark.parametrize(
        "actions",
        [
            (Tag(add=("a",)), Tag(remove=("a",))),
            (Tag(add=("b",)), Tag(add=("c", "b"))),
            (Set({"region": "n"}), Set({"product": "p", "region": None})),
            (Move("b"), Move("won")),
            (Assign(A), Release()),
            (AssignByRules(), Assign(B)),
        ],
    )
    def test_refused_when_one_undoes_another(self, actions: tuple[Action, ...]) -> None:
        assert wrong(When("lead_created"), Demands(), *actions) == {"/actions/1": "contradiction"}

    def test_refused_when_one_tag_is_both_given_and_taken(self) -> None:
        action = Tag(add=("a",), remove=("a",))
        assert wrong(When("lead_created"), Demands(), action) == {"/actions/0": "contradiction"}


class TestSettingItselfOff:
    @pytest.mark.parametrize(
        ("when", "demands", "action"),
        [
            (When("lead_updated"), Demands(), Set({"region": "n"})),
            (When("lead_updated"), Demands(Conditions(region=("n", "s"))), Set({"region": "n"})),
            (When("lead_updated", changed=("tags",)), Demands(), Tag(add=("a",))),
            (When("lead_assigned"), Demands(), AssignByRules()),
            (When("lead_assigned"), Demands(owner_ids=(A, B)), Assign(A)),
            (When("stage_changed"), Demands(), Move("b")),
            (When("stage_changed", to_stage=("b", "c")), Demands(), Move("b")),
            (
                When("lead_updated", changed=("tags",)),
                Demands(Conditions(tags=("a", "b"))),
                Tag(remove=("a",)),
            ),
        ],
    )
    def test_refused_when_nothing_that_it_demands_becomes_untrue(
        self, when: When, demands: Demands, action: Action
    ) -> None:
        assert wrong(when, demands, action) == {"/actions": "sets_itself_off"}

    @pytest.mark.parametrize(
        ("when", "demands", "action"),
        [
            (When("lead_updated"), Demands(Conditions(region=("s",))), Set({"region": "n"})),
            (When("lead_updated"), Demands(Conditions(region=("s",))), Set({"region": None})),
            (When("lead_updated", changed=("name",)), Demands(), Set({"region": "n"})),
            (When("lead_updated"), Demands(without_tags=("a",)), Tag(add=("a",))),
            (When("lead_updated"), Demands(Conditions(tags=("a",))), Tag(remove=("a",))),
            (When("lead_assigned"), Demands(owner_ids=(A,)), Assign(B)),
            (When("lead_assigned"), Demands(owner_ids=(A,)), AssignByRules()),
            (When("lead_assigned"), Demands(owner_ids=(A,)), Release()),
            (When("stage_changed", to_stage=("a",)), Demands(), Move("b")),
            (When("stage_changed"), Demands(stage=("a",)), Move("b")),
            (When("stage_changed", from_stage=("a",)), Demands(stage=("b",)), Move("c")),
            (When("lead_won"), Demands(), Move("lost")),
            (When("lead_reopened"), Demands(), Move("b")),
            (When("lead_updated"), Demands(), Move("b")),
            (When("stage_changed"), Demands(status=("open",)), Move("lost")),
        ],
    )
    def test_accepted_when_it_ends_by_itself(self, when: When, demands: Demands, action: Any) -> None:
        assert wrong(when, demands, action) == {}
