"""When a lead that nobody answers is warned of and forgotten."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.leads.privacy.retention.rules import (
    Policy,
    Step,
    Warned,
    after_months,
    before_months,
    next_step,
)

SIGN = datetime(2026, 1, 31, 12, tzinfo=UTC)
END = datetime(2028, 1, 31, 12, tzinfo=UTC)
TWO_YEARS = Policy(unanswered_months=24, warn_days=30)
WARN_AT = END - timedelta(days=30)
MOMENTS = st.datetimes(datetime(1990, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001


class TestMonths:
    @pytest.mark.parametrize(
        ("start", "months", "end"),
        [((2026, 1, 31), 1, (2026, 2, 28)), ((2024, 1, 31), 1, (2024, 2, 29)),
         ((2026, 3, 15), 24, (2028, 3, 15)), ((2024, 2, 29), 12, (2025, 2, 28)),
         ((2026, 12, 1), 1, (2027, 1, 1)), ((2026, 3, 31), -1, (2026, 2, 28))],
    )  # fmt: skip
    def test_they_end_on_the_same_day_or_the_months_last(
        self, start: tuple[int, int, int], months: int, end: tuple[int, int, int]
    ) -> None:
        assert after_months(datetime(*start, tzinfo=UTC), months) == datetime(*end, tzinfo=UTC)

    @given(MOMENTS, st.integers(1, 600))
    def test_who_came_after_a_moment_so_many_months_ago_is_not_due(self, now: datetime, months: int) -> None:
        came = before_months(now, months) + timedelta(days=4)
        assert after_months(came, months) > now


class TestSteps:
    def test_nothing_happens_before_it_is_time_to_warn(self) -> None:
        assert next_step(TWO_YEARS, SIGN, None, WARN_AT - timedelta(seconds=1)) == Step("wait", WARN_AT)

    def test_somebody_is_warned_then_it_ends(self) -> None:
        assert next_step(TWO_YEARS, SIGN, None, WARN_AT) == Step("warn", END)
        warned = Warned(SIGN, END)
        assert next_step(TWO_YEARS, SIGN, warned, END - timedelta(seconds=1)) == Step("wait", END)
        assert next_step(TWO_YEARS, SIGN, warned, END).do == "erase"

    def test_there_is_as_much_time_from_the_warning_on_when_it_comes_late(self) -> None:
        late = END + timedelta(days=400)
        assert next_step(TWO_YEARS, SIGN, None, late) == Step("warn", late + timedelta(days=30))

    def test_a_warning_counts_no_more_when_there_was_a_sign_of_life(self) -> None:
        later = SIGN + timedelta(days=700)
        step = next_step(TWO_YEARS, later, Warned(SIGN, END), END)
        assert (step.do, step.at) == ("wait", after_months(later, 24) - timedelta(days=30))

    def test_somebody_is_warned_again_when_the_term_is_longer_now(self) -> None:
        longer = Policy(unanswered_months=25, warn_days=30)
        assert next_step(longer, SIGN, Warned(SIGN, END), END) == Step("warn", END + timedelta(days=30))

    @given(MOMENTS, st.integers(1, 120), st.integers(1, 365), st.integers(0, 5000))
    def test_nothing_ends_of_which_nobody_was_warned_so_long_before(
        self, sign: datetime, months: int, warn_days: int, days: int
    ) -> None:
        policy = Policy(unanswered_months=months, warn_days=warn_days)
        now, warned, warned_at = sign + timedelta(days=days), None, None
        for _ in range(10):
            step = next_step(policy, sign, warned, now)
            if step.do == "erase":
                assert warned_at is not None
                assert now - warned_at >= timedelta(days=warn_days)
                assert now >= after_months(sign, months)
                return
            if step.do == "warn":
                warned, warned_at = Warned(sign, step.at), now
            now = max(now, step.at)
        raise AssertionError("it never ends")
