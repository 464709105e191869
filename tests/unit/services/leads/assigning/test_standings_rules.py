"""Shares that follow what was reached."""

from __future__ import annotations

from datetime import date
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.leads.assigning.standings.rules import Reached, Share, first_month, per_cent

WIN_RATE, RESPONSE = Share("win_rate"), Share("first_response_seconds")


def up(value: int | str) -> Reached:
    return Reached(Fraction(value), "up")


def down(value: int | str) -> Reached:
    return Reached(Fraction(value), "down")


class TestPerCent:
    def test_who_is_twice_as_good_gets_twice_as_much(self) -> None:
        assert per_cent(WIN_RATE, [up("0.3"), up("0.6"), up("0.1"), up("0.2")]) == [100, 200, 50, 67]

    def test_who_is_faster_gets_more_when_less_is_better(self) -> None:
        assert per_cent(RESPONSE, [down(60), down(30), down(120), down(30)]) == [100, 200, 50, 200]
        assert per_cent(RESPONSE, [down(0), down(60)]) == [200, 50]

    def test_no_data_is_neither_good_nor_bad(self) -> None:
        assert per_cent(WIN_RATE, [None, up("0.2"), up("0.6")]) == [100, 50, 150]
        assert per_cent(WIN_RATE, [None, None]) == [100, 100]

    def test_everybody_is_alike_when_nobody_has_reached_anything(self) -> None:
        assert per_cent(WIN_RATE, [up(0), up(0)]) == [100, 100]
        assert per_cent(WIN_RATE, [up(-5), up(2)]) == [100, 100]

    @given(
        st.lists(st.none() | st.fractions(0, 1_000), max_size=8), st.integers(0, 100), st.integers(100, 900)
    )
    def test_nobody_gets_less_or_more_than_may_be_and_the_better_no_less(
        self, values: list[Fraction | None], least: int, most: int
    ) -> None:
        share = Share("deals_won", least=least, most=most)
        reached = [None if value is None else Reached(value, "up") for value in values]
        found = per_cent(share, reached)
        assert all(least <= each <= most for each in found)
        known = sorted(
            (value, factor) for value, factor in zip(values, found, strict=True) if value is not None
        )
        assert [factor for _, factor in known] == sorted(factor for _, factor in known)


class TestFirstMonth:
    @pytest.mark.parametrize(
        ("today", "months", "first"),
        [
            (date(2026, 3, 31), 1, date(2026, 3, 1)),
            (date(2026, 3, 31), 3, date(2026, 1, 1)),
            (date(2026, 3, 31), 4, date(2025, 12, 1)),
            (date(2026, 1, 1), 12, date(2025, 2, 1)),
            (date(2026, 12, 9), 12, date(2026, 1, 1)),
        ],
    )
    def test_this_month_is_the_last_of_them(self, today: date, months: int, first: date) -> None:
        assert first_month(today, months) == first
