"""When work is done: hours of a usual week in one time zone, days off, days worked instead of others."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from zoneinfo import ZoneInfo

from shared.worktime.counting import Counting

MINUTES_A_DAY = 24 * 60

Hours = tuple[tuple[int, int], ...]
"""Working intervals of a day: minutes of its local time, from and to, to at most 1440 (24:00), in order."""

OFFICE: Hours = ((9 * 60, 18 * 60),)


@dataclass(frozen=True, slots=True)
class Calendar:
    """`week` has seven days from Monday on; `days_off` are statutory holidays, on which nothing of it holds.

    `worked_days` are days with hours of their own: make-up workdays, shortened days. A moment is working time
    if its local time of day lies within an interval of its local day: an hour that a zone repeats counts
    twice, one that it leaves out does not count. Raises ValueError for a week without working time, a day
    both off and worked, and intervals out of order.
    """

    zone: ZoneInfo
    week: tuple[Hours, ...]
    days_off: frozenset[date] = frozenset()
    worked_days: Mapping[date, Hours] = field(default_factory=dict)
    counting: Counting = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if len(self.week) != 7 or not any(self.week):
            raise ValueError("a week has seven days, and working time on one of them at least")
        both = self.days_off & self.worked_days.keys()
        if both:
            raise ValueError(f"both off and worked: {min(both)}")
        flaw = next(filter(None, map(flaw_of, [*self.week, *self.worked_days.values()])), None)
        if flaw is not None:
            raise ValueError(flaw[1])
        exceptions = dict.fromkeys(self.days_off, ()) | dict(self.worked_days)
        object.__setattr__(self, "counting", Counting(self.week, exceptions))


def flaw_of(hours: Sequence[tuple[int, int]]) -> tuple[int, str] | None:
    """What is wrong with a day's intervals, with the index of the one at fault; None: they are in order."""
    free_from = 0
    for index, (start, end) in enumerate(hours):
        if not 0 <= start < end <= MINUTES_A_DAY:
            return index, "an interval begins before it ends, at 24:00 at the latest"
        if start < free_from:
            return index, "an interval begins when the one before it has ended, or later"
        free_from = end
    return None


def usual_calendar(zone: ZoneInfo) -> Calendar:
    """Where none is defined: Monday to Friday 09:00 to 18:00, no holidays."""
    return Calendar(zone, (OFFICE,) * 5 + ((),) * 2)
