"""Calendar periods: days, ISO weeks, months, quarters and years, each named by its first day."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Literal

Grain = Literal["day", "week", "month", "quarter", "year"]

_MONTHS = {"month": 1, "quarter": 3, "year": 12}


def period_start(grain: Grain, day: date) -> date:
    """The first day of the period that holds `day`."""
    if grain == "day":
        return day
    if grain == "week":
        return day - timedelta(days=day.weekday())
    months = _MONTHS[grain]
    return date(day.year, (day.month - 1) // months * months + 1, 1)


def period_end(grain: Grain, day: date) -> date:
    """The last day of the period that holds `day`; the calendar's own last day where it would lie beyond."""
    start = period_start(grain, day)
    if grain in ("day", "week"):
        length = 1 if grain == "day" else 7
        return start + min(timedelta(days=length - 1), date.max - start)
    month = start.month + _MONTHS[grain]
    year = start.year + (month - 1) // 12
    if year > date.max.year:
        return date.max
    return date(year, (month - 1) % 12 + 1, 1) - timedelta(days=1)


def whole_periods(grain: Grain, first: date | None, last: date | None) -> tuple[date, date]:
    """From the start of the period that holds `first` to the end of the one that holds `last`, both
    inclusive.
    """
    return period_start(grain, first or date.min), period_end(grain, last or date.max)
