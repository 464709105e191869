"""Working time in a calendar's own local time, summed up from its first Monday: how much, and when so much.

All in whole microseconds. A week without exceptions is a multiplication; exceptions are found by bisection.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Mapping, Sequence
from datetime import date
from itertools import accumulate

MINUTE = 60 * 1_000_000
DAY = 24 * 60 * MINUTE
WEEK = 7 * DAY
FIRST_MONDAY = date(1970, 1, 5).toordinal()
"""Local time is counted from the midnight before this day; before it, it is negative."""

Intervals = tuple[tuple[int, int], ...]


class Counting:
    """`week` and `exceptions` in minutes of the local day, as a calendar has them."""

    __slots__ = ("_before", "_days", "_exceptions", "_upto", "_week")

    def __init__(self, week: Sequence[Intervals], exceptions: Mapping[date, Intervals]) -> None:
        self._week = [_scaled(hours) for hours in week]
        self._upto = [0, *accumulate(_length(hours) for hours in self._week)]
        self._days = sorted(day.toordinal() - FIRST_MONDAY for day in exceptions)
        self._exceptions = [_scaled(exceptions[date.fromordinal(day + FIRST_MONDAY)]) for day in self._days]
        self._before: list[int] = []
        for day in self._days:
            self._before.append(self.at(day * DAY))

    def at(self, local: int) -> int:
        """The working time from the first Monday to a local time."""
        day, time = divmod(local, DAY)
        last = bisect_right(self._days, day, hi=len(self._before)) - 1
        if last < 0:
            return self._usual(local)
        hours = self._exceptions[last]
        if self._days[last] == day:
            return self._before[last] + _passed(hours, time)
        since = self._usual(local) - self._usual((self._days[last] + 1) * DAY)
        return self._before[last] + _length(hours) + since

    def when(self, worked: int) -> int:
        """The first local time at which so much working time has passed: `at` the other way round."""
        last = bisect_left(self._before, worked) - 1
        if last < 0:
            return self._usually_when(worked)
        left = worked - self._before[last]
        hours = self._exceptions[last]
        if left <= _length(hours):
            return self._days[last] * DAY + _reached(hours, left)
        next_day = (self._days[last] + 1) * DAY
        return self._usually_when(self._usual(next_day) + left - _length(hours))

    def holds(self, local: int) -> bool:
        """Whether a local time is working time."""
        return self.at(local + 1) > self.at(local)

    def _usual(self, local: int) -> int:
        """As if there were no exceptions."""
        weeks, rest = divmod(local, WEEK)
        weekday, time = divmod(rest, DAY)
        return weeks * self._upto[7] + self._upto[weekday] + _passed(self._week[weekday], time)

    def _usually_when(self, worked: int) -> int:
        weeks, rest = divmod(worked - 1, self._upto[7])
        weekday = bisect_left(self._upto, rest + 1) - 1
        left = rest + 1 - self._upto[weekday]
        return weeks * WEEK + weekday * DAY + _reached(self._week[weekday], left)


def _scaled(hours: Intervals) -> Intervals:
    return tuple((start * MINUTE, end * MINUTE) for start, end in hours)


def _length(hours: Intervals) -> int:
    return sum(end - start for start, end in hours)


def _passed(hours: Intervals, time: int) -> int:
    """Working time of a day until a time of it."""
    return sum(min(end, time) - start for start, end in hours if start < time)


def _reached(hours: Intervals, worked: int) -> int:
    """The first time of a day at which so much of its working time has passed."""
    for start, end in hours:
        if worked <= end - start:
            return start + worked
        worked -= end - start
    raise ValueError("a day has less working time than that")
