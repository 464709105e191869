"""What rules make of a lead: classes unless by hand, points with their reasons."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.leads.assigning.assignment.conditions import Conditions
from services.leads.assigning.assignment.use_cases import facts_of
from services.leads.capture.intake.lead import CLASSED, Lead
from services.leads.follow_up.automation.rules import Demands
from services.leads.judging.classification.rules import (
    ClassificationImpossible,
    ClassRule,
    Freshness,
    Item,
    Score,
    Scored,
    Terms,
    check_rule,
    check_score,
    scored,
    verdicts,
)
from services.leads.judging.classification.use_cases import Judged
from shared.ids import new_id
from tests.unit.services.leads.follow_up import test_automation_rules
from tests.unit.services.leads.follow_up.test_automation_rules import NOON

NORTH = Demands(Conditions(region=("north",)))
ANY = Demands()
SCORED, LABELLED = Demands(Conditions(score_from=1)), Demands(Conditions(label=("key",)))


def lead(**fields: Any) -> Lead:
    return test_automation_rules.lead(**{"ruled": (), "other_phones": ()} | fields)


def rule(demands: Demands = ANY, position: int = 1, **given: Any) -> ClassRule:
    return ClassRule(new_id(), 1, "r", position, demands, **given)


def judged(rules: list[ClassRule], one: Lead) -> Lead:
    return Judged(one, Terms(tuple(rules)), None, verdicts(rules, one, facts_of(one))).lead_then


def points(score: Score, one: Lead, days_ago: float | None = None) -> Scored:
    followed = None if days_ago is None else NOON - timedelta(days=days_ago)
    return scored(score, one, facts_of(one), followed, NOON)


class TestClasses:
    def test_the_first_rule_that_applies_gives_each_class_when_several_do(self) -> None:
        rules = [
            rule(NORTH, label="key", value_class="A"),
            rule(ANY, label="general", intent="C"),
            rule(ANY, value_class="D"),
        ]
        north, south = judged(rules, lead(region="north")), judged(rules, lead(region="south"))
        assert (north.label, north.value_class, north.intent) == ("key", "A", "C")
        assert (south.label, south.value_class, south.intent) == ("general", "D", "C")
        assert set(north.ruled) == set(CLASSED) == set(south.ruled)

    def test_it_stays_when_it_is_by_hand(self) -> None:
        by_hand = lead(region="north", label="general")
        after = judged([rule(NORTH, label="key", intent="B")], by_hand)
        assert (after.label, after.intent, after.ruled) == ("general", "B", ("intent",))

    def test_it_goes_when_no_rule_gives_it_any_longer(self) -> None:
        ruled = lead(region="south", label="key", intent="A", ruled=("label",))
        after = judged([rule(NORTH, label="key")], ruled)
        assert (after.label, after.intent, after.ruled) == (None, "A", ())

    @given(
        st.lists(st.tuples(st.sampled_from(["north", "south"]), st.sampled_from("ABCD")), max_size=5),
        st.sampled_from(["north", "south", "east"]),
        st.sampled_from([None, "A", "B"]),
        st.booleans(),
    )
    def test_judging_twice_is_judging_once_when_nothing_else_changes(
        self, given_rules: list[tuple[str, str]], region: str, value: str | None, is_ruled: bool
    ) -> None:
        rules = [
            rule(Demands(Conditions(region=(where,))), at, value_class=grade)
            for at, (where, grade) in enumerate(given_rules)
        ]
        ruled = ("value_class",) if is_ruled and value else ()
        once = judged(rules, lead(region=region, value_class=value, ruled=ruled))
        assert judged(rules, once) == once
        if value is not None and not is_ruled:
            assert once.value_class == value


class TestScores:
    SCORE = Score(
        base=10,
        items=(Item("north", 30, NORTH), Item("tagged", -5, Demands(Conditions(tags=("cold",))))),
        follow_up=(Freshness(7, 20), Freshness(30, 5)),
    )

    @pytest.mark.parametrize(
        ("fields", "days_ago", "value", "failed"),
        [
            ({"region": "north"}, 0, 60, [None, "tags", None]),
            ({"region": "north"}, 6.9, 60, [None, "tags", None]),
            ({"region": "north"}, 7, 45, [None, "tags", None]),
            ({"region": "north"}, 30, 40, [None, "tags", "followed_up"]),
            ({"region": "north"}, None, 40, [None, "tags", "followed_up"]),
            ({"region": "south", "tags": ("cold",)}, None, 5, ["region", None, "followed_up"]),
        ],
    )
    def test_points_are_the_sum_of_the_reasons_that_hold(
        self, fields: dict[str, Any], days_ago: float | None, value: int, failed: list[str | None]
    ) -> None:
        found = points(self.SCORE, lead(**fields), days_ago)
        assert (found.value, [reason.failed for reason in found.reasons]) == (value, failed)
        held = sum(reason.points for reason in found.reasons if reason.failed is None)
        assert found.value == self.SCORE.base + held

    def test_it_says_until_when_it_holds_when_the_follow_up_grows_old(self) -> None:
        assert points(self.SCORE, lead(), 1).until == NOON + timedelta(days=6)
        assert points(self.SCORE, lead(), 8).until == NOON + timedelta(days=22)
        assert points(self.SCORE, lead(), 31).until is None
        later = points(self.SCORE, lead(), 1).until
        assert later is not None
        assert scored(self.SCORE, lead(), facts_of(lead()), NOON - timedelta(days=1), later).value == 15

    def test_rules_look_at_the_score_when_it_is_counted(self) -> None:
        rich = lead()._replace(score=80)
        hot = rule(Demands(Conditions(score_from=60)), intent="A")
        assert (judged([hot], rich).intent, judged([hot], lead()).intent) == ("A", None)


class TestChecking:
    @pytest.mark.parametrize(
        ("one", "pointers"),
        [
            (rule(ANY), ["/label"]),
            (rule(Demands(Conditions(label=("key",))), intent="A"), ["/conditions/label"]),
            (rule(Demands(Conditions(intent=("A",))), intent="A"), ["/conditions/intent"]),
            (rule(Demands(Conditions(score_from=5, score_to=1)), intent="A"), ["/conditions/score_from"]),
        ],
    )
    def test_a_rule_is_refused_when_it_gives_nothing_or_turns_in_circles(
        self, one: ClassRule, pointers: list[str]
    ) -> None:
        with pytest.raises(ClassificationImpossible) as refused:
            check_rule(one)
        assert [error.pointer for error in refused.value.errors] == pointers

    @pytest.mark.parametrize(
        ("score", "pointers"),
        [
            (
                Score(items=(Item("a", 1, Demands(Conditions(score_from=1))),)),
                ["/items/0/conditions/score_from"],
            ),
            (
                Score(items=(Item("a", 1, Demands(Conditions(label=("key",)))),)),
                ["/items/0/conditions/label"],
            ),
            (Score(items=(Item("a", 1, NORTH), Item("a", 2, ANY))), ["/items/1/name"]),
            (Score(items=(Item("follow_up", 1, NORTH),)), ["/items/0/name"]),
            (Score(follow_up=(Freshness(7, 1), Freshness(7, 2))), ["/follow_up"]),
        ],
    )
    def test_a_score_is_refused_when_it_turns_in_circles_or_says_things_twice(
        self, score: Score, pointers: list[str]
    ) -> None:
        with pytest.raises(ClassificationImpossible) as refused:
            check_score(score)
        assert [error.pointer for error in refused.value.errors] == pointers
