"""Decisions made once more: the same rules come to the same, others to what they would have."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

from hypothesis import given
from hypothesis import strategies as st

from services.leads.assigning.assignment.conditions import Facts
from services.leads.assigning.assignment.past import Made, Told
from services.leads.assigning.assignment.rules import Candidate, Rule, Strategy
from services.leads.assigning.assignment.weights import Weights
from services.leads.assigning.hindsight.rules import Otherwise, Replay, Times
from shared.worktime.calendar import usual_calendar

MONDAY = datetime(2026, 3, 2, 2, tzinfo=UTC)
ANYBODY = Facts()
NEVER_AWAY = Times({}, {})


def rule(strategy: Strategy = "round_robin", **more: object) -> Rule:
    return replace(Rule(UUID(int=9), 1, "rule", 1, strategy), **more)  # type: ignore[arg-type]


def user(number: int, **more: object) -> Candidate:
    return replace(Candidate(UUID(int=number)), **more)  # type: ignore[arg-type]


def replay(which: Rule, candidates: Sequence[Candidate], times: Times = NEVER_AWAY) -> Replay:
    return Replay([which], {which.id: {one.user_id: one for one in candidates}}, times)


def made(number: int, owner: int | None, *told: Told) -> Made:
    return Made(UUID(int=1000 + number), MONDAY, UUID(int=owner) if owner else None, told, frozenset())


def told(user: int, open_leads: int = 0, last_turn: int = 0) -> Told:
    return Told(UUID(int=9), UUID(int=user), open_leads, last_turn, 0, 0)


def as_made(which: Rule, candidates: Sequence[Candidate], leads: int) -> list[Otherwise]:
    """So many decisions from the beginning, each told as the service tells it."""
    then, found, loads = replay(which, candidates), [], Counter[UUID]()
    for number in range(leads):
        figures = [(one.user_id, loads[one.user_id]) for one in candidates]
        blank = Made(UUID(int=number), MONDAY, None, (), frozenset())
        then._loads = dict(figures)
        then._more.clear()
        one = then.again(blank, ANYBODY)
        seen = one.consulted[-1].verdicts
        told = tuple(
            Told(which.id, v.user_id, v.candidate.open_leads, v.candidate.last_turn, v.candidate.credit, 0)
            for v in seen
        )
        found.append(replace(one, made=replace(blank, owner_id=one.would, told=told)))
        if one.would:
            loads[one.would] += 1
    return found


class TestAgain:
    @given(
        st.sampled_from(["round_robin", "least_loaded", "weighted"]), st.integers(1, 5), st.integers(1, 30)
    )
    def test_the_same_rule_comes_to_the_same_when_asked_of_any_part_of_the_past(
        self, strategy: Strategy, people: int, leads: int
    ) -> None:
        which = rule(strategy, weights=Weights(2, {"P1": 1, "P3": 3}))
        candidates = [user(number, level=f"P{number}") for number in range(1, people + 1)]
        past = [one.made for one in as_made(which, candidates, leads)]
        for first in (0, leads // 2):
            again = replay(which, candidates)
            assert [again.again(one, ANYBODY).would for one in past[first:]] == [
                one.owner_id for one in past[first:]
            ]

    def test_loads_follow_what_would_have_been_when_it_differs_from_what_was(self) -> None:
        """All went to 1; by the fewest leads they would have gone in turn."""
        past = [made(number, 1, told(1, open_leads=number), told(2)) for number in range(4)]
        again = replay(rule("least_loaded"), [user(1), user(2)])
        would = [again.again(one, ANYBODY).would for one in past]
        assert Counter(would) == {UUID(int=1): 2, UUID(int=2): 2}

    def test_who_was_away_then_gets_nothing_when_they_are_back_by_now(self) -> None:
        absences = {UUID(int=1): [(MONDAY - timedelta(days=1), MONDAY + timedelta(days=1))]}
        again = replay(rule(), [user(1), user(2)], Times(absences, {}))
        found = again.again(made(1, 1), ANYBODY)
        assert found.would == UUID(int=2)
        assert [one.reason for one in found.consulted[0].verdicts] == ["absent", "chosen"]

    def test_hours_are_those_of_that_moment_when_the_rule_asks_for_them(self) -> None:
        shanghai, york = (usual_calendar(ZoneInfo(zone)) for zone in ("Asia/Shanghai", "America/New_York"))
        times = Times({}, {UUID(int=1): york, UUID(int=2): shanghai})
        again = replay(rule(working_hours_only=True), [user(1), user(2)], times)
        assert again.again(made(1, 1), ANYBODY).would == UUID(int=2)

    def test_nobody_gets_back_what_was_taken_from_them_then(self) -> None:
        taken = replace(made(1, 2), had_it=frozenset({UUID(int=1)}))
        assert replay(rule(), [user(1), user(2)]).again(taken, ANYBODY).would == UUID(int=2)

    def test_nobody_would_have_got_it_when_no_rule_is_left(self) -> None:
        found = Replay([], {}, NEVER_AWAY).again(made(1, 1), ANYBODY)
        assert (found.would, found.consulted) == (None, ())
