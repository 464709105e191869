"""Business time between moments. Moments have a zone, any; absences are half-open: from, to."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Iterator
from datetime import UTC, date, datetime, time, timedelta

from shared.worktime.calendar import Calendar
from shared.worktime.zones import microseconds_of, moment_of, offset_at, spans

Absence = tuple[datetime, datetime]
Pause = tuple[datetime, datetime | None]
"""From and to; None: it is not over."""

HORIZON = datetime(2200, 1, 1, tzinfo=UTC)
_HORIZON_US = microseconds_of(HORIZON)
_MICROSECOND = timedelta(microseconds=1)
_DAY = timedelta(days=1)
_NO_TIME = timedelta()


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
    if days == 0 and start.astimezone(calendar.zone).date() not in calendar.days_off:
        return start.astimezone(UTC)
    return _when_counted(calendar, _counted(calendar, start) + days * _DAY)


def days_after_pauses(
    calendar: Calendar, start: datetime, days: int, pauses: Iterable[Pause]
) -> datetime | None:
    """The same, the time of pauses not counted; None where one without an end comes before it is over."""
    wanted = _counted(calendar, start) + days * _DAY
    for from_at, to_at in _apart(pauses):
        paused = max(_counted(calendar, from_at), _counted(calendar, start))
        if paused >= wanted:
            break
        if to_at is None:
            return None
        wanted += max(_counted(calendar, to_at) - paused, _NO_TIME)
    return _when_counted(calendar, wanted)


def _apart(pauses: Iterable[Pause]) -> Iterator[Pause]:
    """In order, those that touch as one."""
    running: Pause | None = None
    for from_at, to_at in sorted(pauses, key=lambda pause: pause[0]):
        if running is None:
            running = from_at, to_at
        elif running[1] is None or from_at <= running[1]:
            ends = running[1], to_at
            running = running[0], None if None in ends else max(end for end in ends if end)
        else:
            yield running
            running = from_at, to_at
    if running is not None:
        yield running


def _counted(calendar: Calendar, at: datetime) -> timedelta:
    """The natural time that counts until a moment, by the local clock; of a day off none."""
    local = at.astimezone(calendar.zone)
    day = local.date()
    passed = bisect_left(sorted(calendar.days_off), day)
    time_of_day = local.replace(tzinfo=None) - datetime.combine(day, time())
    return (day.toordinal() - passed) * _DAY + (_NO_TIME if day in calendar.days_off else time_of_day)


def _when_counted(calendar: Calendar, counted: timedelta) -> datetime:
    """The moment of a day that counts at which so much has been counted."""
    ordinal, time_of_day = divmod(counted, _DAY)
    day = date.fromordinal(ordinal)
    for off in sorted(calendar.days_off):
        if off > day:
            break
        day += timedelta(days=1)
    local = datetime.combine(day, time()) + time_of_day
    return local.replace(tzinfo=calendar.zone, fold=0).astimezone(UTC)


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
