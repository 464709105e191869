from __future__ import annotations

from collections import Counter
from dataclasses import replace
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from services.leads.assignment.rules import (
    Candidate,
    Conditions,
    Facts,
    Rule,
    Strategy,
    choose,
    chosen,
    decide,
    failed_condition,
)

ANYTHING = Facts()


def rule(strategy: Strategy = "round_robin", *, position: int = 1, number: int = 1, **more: object) -> Rule:
    return replace(Rule(UUID(int=number), 1, f"rule {number}", position, strategy), **more)  # type: ignore[arg-type]


def user(number: int, **more: object) -> Candidate:
    return replace(Candidate(UUID(int=number)), **more)  # type: ignore[arg-type]


def run(which: Rule, candidates: list[Candidate], leads: int, *, facts: Facts = ANYTHING) -> list[UUID]:
    """Assign so many leads one after the other, keeping turns and loads as the service does."""
    winners = []
    for turn in range(1, leads + 1):
        winner = chosen(choose(which, facts, candidates))
        assert winner is not None
        winners.append(winner)
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

    def test_nobody_gets_it_when_the_lead_has_no_region(self) -> None:
        assert chosen(choose(rule("territory"), ANYTHING, [user(1), user(2, region="south")])) is None


class TestSkipping:
    def test_each_is_told_why_when_they_cannot_have_it(self) -> None:
        candidates = [
            user(1, known=False),
            user(2, active=False),
            user(3, is_rep=False),
            user(4, open_leads=100),
            user(5),
        ]
        verdicts = choose(rule(max_open_leads=100), ANYTHING, candidates)
        assert [one.reason for one in verdicts] == ["unknown_user", "inactive", "not_a_rep", "full", "chosen"]

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
