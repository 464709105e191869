"""Business time between moments. Moments have a zone, any; absences are half-open: from, to."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator
from datetime import UTC, date, datetime, time, timedelta

from shared.worktime.calendar import Calendar
from shared.worktime.zones import microseconds_of, moment_of, offset_at, spans

Absence = tuple[datetime, datetime]

HORIZON = datetime(2200, 1, 1, tzinfo=UTC)
_HORIZON_US = microseconds_of(HORIZON)
_MICROSECOND = timedelta(microseconds=1)


class BeyondHorizonError(ValueError):
    """So much working time does not pass before the year 2200, the last that the product tells."""


def working_between(
    calendar: Calendar, start: datetime, end: datetime, absences: Iterable[Absence] = ()
) -> timedelta:
    """The working time from `start` to `end`; none where `end` is not later."""
    passed = 0
    for from_, to, offset in _stretches(calendar, microseconds_of(start), microseconds_of(end), absences):
        passed += calendar.counting.at(to + offset) - calendar.counting.at(from_ + offset)
    return passed * _MICROSECOND


def after_working(
    calendar: Calendar, start: datetime, wanted: timedelta, absences: Iterable[Absence] = ()
) -> datetime:
    """The first moment at which so much working time has passed since `start`, in UTC.

    At an evening's last minute it is that evening, not the next morning; after no time at all, `start`.
    Raises BeyondHorizonError.
    """
    left = wanted // _MICROSECOND
    if left <= 0:
        return start.astimezone(UTC)
    for from_, to, offset in _stretches(calendar, microseconds_of(start), _HORIZON_US, absences):
        before = calendar.counting.at(from_ + offset)
        there = calendar.counting.at(to + offset) - before
        if left <= there:
            return moment_of(calendar.counting.when(before + left) - offset)
        left -= there
    raise BeyondHorizonError(f"{wanted} of working time after {start.isoformat()} is not before {HORIZON}")


def is_working(calendar: Calendar, at: datetime, absences: Iterable[Absence] = ()) -> bool:
    """Whether a moment is within working time and no absence."""
    if any(from_at <= at < to_at for from_at, to_at in absences):
        return False
    moment = microseconds_of(at)
    return calendar.counting.holds(moment + offset_at(calendar.zone, moment))


def days_after(calendar: Calendar, start: datetime, days: int) -> datetime:
    """The same local time so many natural days later, in UTC; days off do not count, weekends do.

    From a day off it is counted from 00:00 of the first day that counts. A time that the zone leaves out on
    that day is as much later as the zone leaves out, of one that it repeats it is the first.
    """
    local = start.astimezone(calendar.zone)
    first = _counted(calendar, local.date(), 0)
    if days == 0 and first == local.date():
        return start.astimezone(UTC)
    at = local.time() if first == local.date() else time()
    target = datetime.combine(_counted(calendar, first, days), at, calendar.zone)
    return target.replace(fold=0).astimezone(UTC)


def _counted(calendar: Calendar, day: date, days: int) -> date:
    """The day so many counted ones after `day`; after none: itself, or the first counted one."""
    off = sorted(calendar.days_off)
    found = day + timedelta(days=days)
    # The day itself is passed over only where nothing is counted from it.
    passed = bisect_right(off, day - timedelta(days=1) if days == 0 else day)
    while passed < len(off) and off[passed] <= found:
        found += timedelta(days=1)
        passed += 1
    return found


def _stretches(
    calendar: Calendar, start: int, end: int, absences: Iterable[Absence]
) -> Iterator[tuple[int, int, int]]:
    """The time from `start` to `end` without absences, in pieces of one offset: from, to, offset."""
    for from_at, to_at in sorted(absences):
        away_from, away_to = microseconds_of(from_at), microseconds_of(to_at)
        if start < min(away_from, end):
            yield from spans(calendar.zone, start, min(away_from, end))
        start = max(start, away_to)
    if start < end:
        yield from spans(calendar.zone, start, end)
