from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime
from fractions import Fraction
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.leads.assigning.assignment.conditions import Conditions, Facts, failed_condition
from services.leads.assigning.assignment.rules import (
    Candidate,
    Rule,
    RuleImpossible,
    Strategy,
    check_rule,
    choose,
    chosen,
    decide,
    owed,
)
from services.leads.assigning.assignment.weights import Weights
from services.leads.assigning.standings.rules import Reached, Share

ANYTHING = Facts()
NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)


def rule(strategy: Strategy = "round_robin", *, position: int = 1, number: int = 1, **more: object) -> Rule:
    return replace(Rule(UUID(int=number), 1, f"rule {number}", position, strategy), **more)  # type: ignore[arg-type]


def user(number: int, **more: object) -> Candidate:
    return replace(Candidate(UUID(int=number)), **more)  # type: ignore[arg-type]


def run(which: Rule, candidates: list[Candidate], leads: int, *, facts: Facts = ANYTHING) -> list[UUID]:
    """Assign so many leads one after the other, keeping turns and loads as the service does."""
    winners = []
    for turn in range(1, leads + 1):
        verdicts = choose(which, facts, candidates)
        winner = chosen(verdicts)
        assert winner is not None
        winners.append(winner)
        shifts = owed(verdicts)
        candidates = [replace(one, credit=one.credit + shifts.get(one.user_id, 0)) for one in candidates]
        candidates = [
            replace(one, last_turn=turn, open_leads=one.open_leads + 1) if one.user_id == winner else one
            for one in candidates
        ]
    return winners


class TestRoundRobin:
    @given(st.integers(1, 8), st.integers(1, 60))
    def test_nobody_is_more_than_one_ahead_when_all_are_free(self, people: int, leads: int) -> None:
        winners = run(rule(), [user(n) for n in range(1, people + 1)], leads)
        counts = Counter(winners)
        per_head = [counts[UUID(int=n)] for n in range(1, people + 1)]
        assert max(per_head) - min(per_head) <= 1

    @given(st.lists(st.integers(0, 50), min_size=1, max_size=8, unique=True))
    def test_whoever_waited_longest_is_next_when_turns_differ(self, last_turns: list[int]) -> None:
        candidates = [user(at + 1, last_turn=turn) for at, turn in enumerate(last_turns)]
        assert chosen(choose(rule(), ANYTHING, candidates)) == UUID(int=last_turns.index(min(last_turns)) + 1)

    def test_a_newcomer_gets_one_turn_and_no_flood_when_others_had_many(self) -> None:
        winners = run(rule(), [user(1, last_turn=-2), user(2, last_turn=-1), user(3, last_turn=-3)], 6)
        assert Counter(winners) == {UUID(int=1): 2, UUID(int=2): 2, UUID(int=3): 2}


class TestWeighted:
    @given(st.lists(st.integers(0, 20), min_size=1, max_size=8).filter(any), st.integers(1, 3))
    def test_each_gets_exactly_their_share_when_cycles_are_whole(
        self, weights: list[int], cycles: int
    ) -> None:
        by_level = {str(at): weight for at, weight in enumerate(weights)}
        candidates = [user(at + 1, level=str(at)) for at in range(len(weights))]
        which = rule("weighted", weights=Weights(0, by_level))
        counts = Counter(run(which, candidates, sum(weights) * cycles))
        assert [counts[UUID(int=at + 1)] for at in range(len(weights))] == [each * cycles for each in weights]

    @given(st.lists(st.integers(1, 20), min_size=2, max_size=6), st.integers(1, 200))
    def test_nobody_is_far_from_their_share_when_a_cycle_is_not_over(
        self, weights: list[int], leads: int
    ) -> None:
        by_level = {str(at): weight for at, weight in enumerate(weights)}
        candidates = [user(at + 1, level=str(at)) for at in range(len(weights))]
        counts = Counter(run(rule("weighted", weights=Weights(0, by_level)), candidates, leads))
        for at, weight in enumerate(weights):
            assert abs(counts[UUID(int=at + 1)] - leads * weight / sum(weights)) < len(weights)

    def test_the_default_counts_when_a_level_has_no_weight_of_its_own(self) -> None:
        which = rule("weighted", weights=Weights(1, {"P3": 3, "P0": 0}))
        candidates = [user(1, level="P3"), user(2, level="P2"), user(3), user(4, level="P0")]
        assert Counter(run(which, candidates, 10)) == {
            UUID(int=1): 6, UUID(int=2): 2, UUID(int=3): 2,
        }  # fmt: skip
        verdicts = choose(which, ANYTHING, candidates)
        assert [(one.weight, one.reason) for one in verdicts][2:] == [
            (1, "another_is_owed_more"),
            (0, "no_weight"),
        ]

    def test_shares_follow_what_was_reached_when_the_rule_says_so(self) -> None:
        """0.2, 0.4 and 0.6 of deals won, 0.4 on average: half, as much, and half as much again."""
        which = rule("weighted", weights=Weights(10, {}, Share("win_rate")))
        candidates = [user(at, reached=Reached(Fraction(at, 5), "up")) for at in (1, 2, 3)]
        assert Counter(run(which, candidates, 60)) == {UUID(int=1): 10, UUID(int=2): 20, UUID(int=3): 30}
        assert [one.weight for one in choose(which, ANYTHING, candidates)] == [500, 1000, 1500]

    def test_who_was_away_is_not_flooded_when_back(self) -> None:
        which = rule("weighted")
        away = [user(1), user(2), user(3, absent_until=NOON)]
        assert Counter(run(which, away, 20)) == {UUID(int=1): 10, UUID(int=2): 10}
        assert Counter(run(which, [user(1), user(2), user(3)], 3)).most_common(1)[0][1] == 1


class TestLeastLoaded:
    @given(st.lists(st.integers(0, 30), min_size=1, max_size=8), st.integers(1, 40))
    def test_the_lightest_gets_it_when_loads_differ(self, loads: list[int], leads: int) -> None:
        candidates = [user(at + 1, open_leads=load) for at, load in enumerate(loads)]
        now = dict(zip((one.user_id for one in candidates), loads, strict=True))
        for winner in run(rule("least_loaded"), candidates, leads):
            assert now[winner] == min(now.values())
            now[winner] += 1


class TestTerritory:
    def test_only_reps_of_the_region_get_it_when_the_lead_has_one(self) -> None:
        candidates = [user(1, region="north"), user(2, region="south"), user(3, region="south"), user(4)]
        verdicts = choose(rule("territory"), Facts(region="south"), candidates)
        assert [one.reason for one in verdicts] == [
            "other_territory",
            "chosen",
            "next_in_turn_was_another",
            "other_territory",
        ]

    def test_a_profiles_territories_count_besides_the_team_when_given(self) -> None:
        candidates = [
            user(1, region="north", territories=frozenset({"east"})),
            user(2, region="north", territories=frozenset({"south", "east"})),
        ]
        reasons = {
            region: [one.reason for one in choose(rule("territory"), Facts(region=region), candidates)]
            for region in ("south", "west")
        }
        assert reasons == {
            "south": ["other_territory", "chosen"],
            "west": ["other_territory", "other_territory"],
        }

    def test_nobody_gets_it_when_the_lead_has_no_region(self) -> None:
        assert chosen(choose(rule("territory"), ANYTHING, [user(1), user(2, region="south")])) is None


class TestSkipping:
    def test_each_is_told_why_when_they_cannot_have_it(self) -> None:
        candidates = [
            user(1, known=False),
            user(2, active=False),
            user(3, is_rep=False),
            user(4, had_it=True),
            user(5, absent_until=NOON),
            user(6, off_at=NOON),
            user(7, open_leads=100),
            user(8, open_leads=60, capacity=60),
            user(9, open_leads=99, capacity=120),
        ]
        verdicts = choose(rule(max_open_leads=100, working_hours_only=True), ANYTHING, candidates)
        assert [one.reason for one in verdicts] == [
            "unknown_user", "inactive", "not_a_rep", "had_the_lead", "absent", "out_of_hours", "full",
            "full", "chosen",
        ]  # fmt: skip
        assert [one.most_open for one in verdicts[-3:]] == [100, 60, 100]

    def test_working_hours_play_no_part_when_the_rule_says_nothing_of_them(self) -> None:
        assert chosen(choose(rule(), ANYTHING, [user(1, off_at=NOON)])) == UUID(int=1)

    def test_only_who_has_all_of_what_is_demanded_is_free_when_a_rule_demands_it(self) -> None:
        which = rule(skills=("cloud", "erp"), languages=("zh",))
        candidates = [
            user(1, skills=frozenset({"cloud"}), languages=frozenset({"zh"})),
            user(2, skills=frozenset({"cloud", "erp"}), languages=frozenset({"en"})),
            user(3, skills=frozenset({"cloud", "erp", "crm"}), languages=frozenset({"en", "zh"})),
        ]
        reasons = [one.reason for one in choose(which, ANYTHING, candidates)]
        assert reasons == ["lacks_skill", "lacks_language", "chosen"]

    @given(st.lists(st.tuples(st.booleans(), st.booleans(), st.integers(0, 3)), max_size=8))
    def test_at_most_one_is_chosen_and_is_free_when_anybody_is(
        self, people: list[tuple[bool, bool, int]]
    ) -> None:
        candidates = [
            user(at + 1, active=active, is_rep=rep, open_leads=load)
            for at, (active, rep, load) in enumerate(people)
        ]
        verdicts = choose(rule("least_loaded", max_open_leads=3), ANYTHING, candidates)
        free = [one.user_id for one in candidates if one.active and one.is_rep and one.open_leads < 3]
        picked = [one.user_id for one in verdicts if one.reason == "chosen"]
        assert len(picked) == min(1, len(free))
        assert set(picked) <= set(free)


class TestConditions:
    def test_the_first_that_fails_is_named_when_a_rule_does_not_apply(self) -> None:
        conditions = Conditions(source=("web", "ad"), tags=("vip", "key"), value_from=100, value_to=200)
        good = Facts(source="ad", tags=("key",), value_minor=200)
        assert failed_condition(conditions, good) is None
        assert failed_condition(conditions, replace(good, source="fair")) == "source"
        assert failed_condition(conditions, replace(good, tags=())) == "tags"
        assert failed_condition(conditions, replace(good, value_minor=201)) == "value"
        assert failed_condition(conditions, replace(good, value_minor=None)) == "value"

    def test_no_rule_applies_when_somebody_wishes_no_contact(self) -> None:
        winner, consulted = decide([rule()], Facts(do_not_contact=True), {rule().id: [user(1)]})
        assert (winner, [one.failed for one in consulted]) == (None, ["do_not_contact"])


class TestDefining:
    @pytest.mark.parametrize(
        ("impossible", "pointers"),
        [
            (rule(conditions=Conditions(value_from=2, value_to=1)), ["/conditions/value_from"]),
            (rule("weighted", weights=Weights(0, {"P1": 0})), ["/weights"]),
            (rule("round_robin", weights=Weights(1, {}, Share("win_rate"))), ["/weights/kpi"]),
            (
                rule("weighted", weights=Weights(1, {}, Share("win_rate", least=110, most=90))),
                ["/weights/kpi/least_percent", "/weights/kpi/most_percent"],
            ),
        ],
    )
    def test_it_is_refused_when_it_contradicts_itself(self, impossible: Rule, pointers: list[str]) -> None:
        with pytest.raises(RuleImpossible) as refused:
            check_rule(impossible)
        assert [one.pointer for one in refused.value.errors] == pointers

    @pytest.mark.parametrize(
        "possible",
        [
            rule(conditions=Conditions(value_from=1, value_to=1)),
            rule("weighted", weights=Weights(0, {"P1": 1})),
            rule("round_robin", weights=Weights(0)),
        ],
    )
    def test_it_may_be_when_somebody_could_get_a_lead_by_it(self, possible: Rule) -> None:
        check_rule(possible)


class TestOrder:
    def test_the_next_rule_is_asked_when_one_applies_but_has_nobody(self) -> None:
        full = rule(position=1, number=1, max_open_leads=1)
        other = rule(position=2, number=2)
        elsewhere = rule(position=0, number=3, conditions=Conditions(region=("north",)))
        off = rule(position=-1, number=4, active=False)
        candidates = {full.id: [user(1, open_leads=1)], other.id: [user(2)]}
        winner, consulted = decide([other, full, off, elsewhere], Facts(region="south"), candidates)
        assert winner == UUID(int=2)
        assert [(one.rule.id.int, one.failed) for one in consulted] == [(3, "region"), (1, None), (2, None)]

    def test_nobody_gets_it_when_no_rule_has_anybody(self) -> None:
        assert decide([rule()], ANYTHING, {}) == (None, decide([rule()], ANYTHING, {})[1])
        assert decide([], ANYTHING, {}) == (None, [])
