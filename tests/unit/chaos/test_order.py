"""The check of order and completeness can fail: each kind of wrong is told."""

from __future__ import annotations

from collections.abc import Hashable

import pytest

from tests.chaos.order import Tally, applied_once, published
from tests.chaos.promise import Outcome

LAST: dict[Hashable, int] = {"a": 3, "b": 1}
WHOLE = [("a", 1), ("b", 1), ("a", 2), ("a", 3)]


def wrongs(tally: Tally) -> tuple[int, int, int, int]:
    return tally.lost, tally.doubled, tally.misplaced, tally.strange


class TestAppliedOnce:
    def test_nothing_is_wrong_when_each_came_once_in_its_order(self) -> None:
        assert applied_once(WHOLE, LAST) == Tally()

    @pytest.mark.parametrize(
        ("seen", "expected"),
        [
            ([("a", 1), ("b", 1), ("a", 2)], (1, 0, 0, 0)),
            ([("a", 1), ("a", 2), ("a", 3)], (1, 0, 0, 0)),
            ([], (4, 0, 0, 0)),
            ([*WHOLE, ("a", 2)], (0, 1, 0, 0)),
            ([("a", 2), ("a", 1), ("b", 1), ("a", 3)], (0, 0, 2, 0)),
            ([*WHOLE, ("a", 4)], (0, 0, 0, 1)),
            ([*WHOLE, ("c", 1)], (0, 0, 0, 1)),
            ([*WHOLE, ("a", 0)], (0, 0, 0, 1)),
        ],
    )
    def test_it_is_told_when_something_is_missing_doubled_misplaced_or_strange(
        self, seen: list[tuple[str, int]], expected: tuple[int, int, int, int]
    ) -> None:
        assert wrongs(applied_once(seen, LAST)) == expected


class TestPublished:
    def test_a_log_may_hold_an_event_again_and_behind_its_successor(self) -> None:
        tally = published([("a", 2), ("a", 1), ("b", 1), ("a", 2), ("a", 3)], LAST)
        assert wrongs(tally) == (0, 0, 0, 0)
        assert (tally.again, tally.overtaken) == (1, 2)

    def test_it_is_told_when_an_event_is_missing_or_was_never_recorded(self) -> None:
        assert wrongs(published([("a", 1), ("a", 3), ("b", 1), ("b", 2)], LAST)) == (1, 0, 0, 1)


class TestTelling:
    def test_the_outcome_fails_with_examples_when_something_is_wrong(self) -> None:
        outcome = Outcome("R0", 1, full=False)
        applied_once([("a", 1), ("a", 1), ("a", 3)], LAST).told_to(outcome, "a consumer")
        assert (outcome.lost, outcome.doubled, outcome.mismatches) == (2, 1, 1)
        assert not outcome.held
        assert "seq 1 of a twice" in outcome.failures[0]

    def test_the_outcome_holds_when_nothing_is_wrong(self) -> None:
        outcome = Outcome("R0", 1, full=False)
        applied_once(WHOLE, LAST).told_to(outcome, "a consumer")
        assert outcome.held
