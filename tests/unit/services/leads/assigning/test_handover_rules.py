from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.leads.assigning.assignment.conditions import Facts
from services.leads.assigning.assignment.rules import Candidate
from services.leads.assigning.handover.rules import (
    Distribution,
    HandedLead,
    SituationChanged,
    Standing,
    check_digest,
    distribute,
    is_untouched,
    least_loaded,
    together,
)

POOL = UUID(int=999)
LEFT = datetime(2026, 3, 31, 10, tzinfo=UTC)


def leads(count: int) -> list[tuple[UUID, Facts]]:
    return [(UUID(int=1000 + at), Facts()) for at in range(count)]


def hands(*loads: int, capacity: int | None = None) -> list[Candidate]:
    return [Candidate(UUID(int=at + 1), open_leads=load, capacity=capacity) for at, load in enumerate(loads)]


def spread(
    count: int, candidates: list[Candidate], max_open_leads: int | None = None, pool: UUID | None = POOL
) -> Distribution:
    rule = least_loaded([one.user_id for one in candidates], None, max_open_leads)
    return distribute(rule, leads(count), candidates, pool)


class TestDistribute:
    def test_the_scenarios_numbers_come_out_when_37_leads_go_to_four(self) -> None:
        """Scenario 11: B 60, C 64, D 71, E 98, cap 100."""
        found = spread(37, hands(60, 64, 71, 98, capacity=100))
        assert [one.given for one in found.shares] == [18, 13, 6, 0]
        assert [one.open_leads + one.given for one in found.shares] == [78, 77, 77, 98]
        assert [one.reason for one in found.shares] == [None, None, None, "another_has_fewer_open_leads"]
        assert [one.outcome for one in found.leads] == ["given"] * 37
        assert (found.leads[0].owner_id, found.leads[0].open_leads) == (UUID(int=1), 60)
        assert (found.leads[-1].owner_id, found.leads[-1].open_leads) == (UUID(int=1), 77)

    @given(st.lists(st.integers(0, 12), min_size=1, max_size=6), st.integers(0, 40), st.integers(1, 12))
    def test_nobody_is_filled_beyond_the_cap_nor_while_another_has_fewer(
        self, loads: list[int], count: int, cap: int
    ) -> None:
        found = spread(count, hands(*loads, capacity=cap))
        room = sum(max(0, cap - load) for load in loads)
        assert sum(one.given for one in found.shares) == min(count, room)
        assert Counter(one.owner_id for one in found.leads if one.owner_id) == {
            one.user_id: one.given for one in found.shares if one.given
        }
        after = [one.open_leads + one.given for one in found.shares]
        highest = max((load for load, one in zip(after, found.shares, strict=True) if one.given), default=0)
        assert highest <= cap
        assert all(load >= highest - 1 for load in after)

    def test_what_nobody_may_have_goes_to_the_pool_when_there_is_one(self) -> None:
        full = hands(5, capacity=5)
        for pool in (POOL, None):
            found = spread(2, full, pool=pool)
            assert ([one.outcome for one in found.leads], found.pool_id) == (["nobody_eligible"] * 2, pool)
            assert [one.reason for one in found.shares] == ["full"]

    def test_a_lead_is_given_to_nobody_when_somebody_wishes_no_contact(self) -> None:
        rule = least_loaded([UUID(int=1)], None, None)
        found = distribute(rule, [(POOL, Facts(do_not_contact=True)), *leads(1)], hands(0), None)
        assert [(one.outcome, one.owner_id) for one in found.leads] == [
            ("do_not_contact", None),
            ("given", UUID(int=1)),
        ]

    def test_turns_of_rules_play_no_part_when_loads_are_equal(self) -> None:
        first, second = hands(3, 3)
        found = spread(1, [replace(first, last_turn=9), second])
        assert found.leads[0].owner_id == first.user_id


class TestDigest:
    def test_it_is_the_same_when_everything_is(self) -> None:
        check_digest(spread(5, hands(1, 2)).digest, spread(5, hands(1, 2)))
        check_digest(None, spread(5, hands(1, 2)))

    @pytest.mark.parametrize(
        "other",
        [
            spread(4, hands(1, 2)),
            spread(5, hands(1, 3)),
            spread(5, hands(1, 2, 9)),
            spread(5, hands(1, 2, capacity=90)),
            spread(5, hands(1, 2), pool=None),
        ],
    )
    def test_it_is_refused_when_anything_else_comes_out(self, other: Distribution) -> None:
        with pytest.raises(SituationChanged):
            check_digest(spread(5, hands(1, 2)).digest, other)


class TestTogether:
    @given(st.lists(st.integers(0, 12), min_size=1, max_size=6), st.integers(0, 40), st.integers(0, 40))
    def test_everybody_gets_as_much_when_it_is_done_in_two_parts(
        self, loads: list[int], count: int, behind: int
    ) -> None:
        whole, first = spread(count + behind, hands(*loads)), spread(count, hands(*loads))
        second = spread(behind, hands(*(one.open_leads + one.given for one in first.shares)))
        both = together(first.shares, second.shares)
        assert [(one.open_leads, one.given) for one in both] == [
            (one.open_leads, one.given) for one in whole.shares
        ]

    def test_who_is_gone_meanwhile_keeps_what_they_got(self) -> None:
        first, second = spread(1, hands(0, 5)).shares, spread(0, hands(1)).shares
        assert [(one.user_id.int, one.given) for one in together(first, second)] == [(2, 0), (1, 1)]


class TestUntouched:
    NOW = Standing(UUID(int=1), LEFT, POOL, None, touched=False)
    POOLED = Standing(None, None, POOL, LEFT, touched=False)
    LATER = LEFT + timedelta(hours=1)

    @pytest.mark.parametrize(
        ("now", "untouched"),
        [
            (NOW, True),
            (replace(NOW, touched=True), False),
            (replace(NOW, owner_id=UUID(int=2)), False),
            # Out of these hands, and back into them.
            (replace(NOW, owned_since=LATER), False),
            (replace(POOLED, pooled_at=LEFT), False),
        ],
    )
    def test_it_is_so_when_the_new_owner_has_let_it_lie(self, now: Standing, *, untouched: bool) -> None:
        handed = HandedLead(UUID(int=1000), LEFT, UUID(int=1), None)
        assert is_untouched(handed, now) is untouched

    @pytest.mark.parametrize(
        ("now", "untouched"),
        [
            (POOLED, True),
            (replace(POOLED, touched=True), False),
            (replace(POOLED, pooled_at=LATER), False),
            (replace(POOLED, pool_id=UUID(int=998)), False),
            (NOW, False),
        ],
    )
    def test_it_is_so_when_nobody_took_it_out_of_the_pool(self, now: Standing, *, untouched: bool) -> None:
        handed = HandedLead(UUID(int=1000), LEFT, None, POOL)
        assert is_untouched(handed, now) is untouched
