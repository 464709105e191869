"""Calendar periods."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.scoring.kpis.periods import Grain, period_end, period_start, whole_periods

GRAINS: tuple[Grain, ...] = ("day", "week", "month", "quarter", "year")


class TestPeriods:
    @pytest.mark.parametrize(
        ("grain", "start", "end"),
        [
            ("day", date(2026, 2, 15), date(2026, 2, 15)),
            ("week", date(2026, 2, 9), date(2026, 2, 15)),
            ("month", date(2026, 2, 1), date(2026, 2, 28)),
            ("quarter", date(2026, 1, 1), date(2026, 3, 31)),
            ("year", date(2026, 1, 1), date(2026, 12, 31)),
        ],
    )
    def test_bounds_are_those_of_the_calendar_when_a_day_lies_within(
        self, grain: Grain, start: date, end: date
    ) -> None:
        assert (period_start(grain, date(2026, 2, 15)), period_end(grain, date(2026, 2, 15))) == (start, end)

    def test_week_is_of_the_old_year_when_iso_says_so(self) -> None:
        assert period_start("week", date(2027, 1, 3)) == date(2026, 12, 28)

    @given(st.sampled_from(GRAINS), st.dates())
    def test_day_lies_in_its_period_and_all_its_days_agree(self, grain: Grain, day: date) -> None:
        start, end = period_start(grain, day), period_end(grain, day)
        assert start <= day <= end
        assert {period_start(grain, each) for each in (start, day, end)} == {start}

    @given(st.sampled_from(GRAINS), st.dates(max_value=date(9990, 1, 1)))
    def test_next_period_begins_when_one_ends(self, grain: Grain, day: date) -> None:
        following = period_end(grain, day) + timedelta(days=1)
        assert period_start(grain, following) == following

    def test_touched_periods_are_whole_when_from_and_to_lie_inside(self) -> None:
        assert whole_periods("quarter", date(2026, 2, 3), date(2026, 5, 1)) == (
            date(2026, 1, 1),
            date(2026, 6, 30),
        )

    def test_everything_is_asked_for_when_no_bound_is_given(self) -> None:
        assert whole_periods("month", None, None) == (date.min, date.max)
