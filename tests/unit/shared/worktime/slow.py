"""Business time minute by minute: slow, and obvious enough to be held against."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, time, timedelta

from shared.worktime.calendar import Calendar
from shared.worktime.moments import Absence, Pause

MINUTE = timedelta(minutes=1)


def is_working(calendar: Calendar, at: datetime, absences: Sequence[Absence] = ()) -> bool:
    local = at.astimezone(calendar.zone)
    day = local.date()
    if day in calendar.days_off or any(start <= at < end for start, end in absences):
        return False
    hours = calendar.worked_days.get(day, calendar.week[day.weekday()])
    return any(start <= local.hour * 60 + local.minute < end for start, end in hours)


def _minutes(start: datetime) -> Iterator[tuple[datetime, datetime]]:
    """From `start` to the next whole minute, then each; absences begin and end on whole ones."""
    at = start.astimezone(UTC)
    while True:
        next_minute = at.replace(second=0, microsecond=0) + MINUTE
        yield at, next_minute
        at = next_minute


def working_between(
    calendar: Calendar, start: datetime, end: datetime, absences: Sequence[Absence] = ()
) -> timedelta:
    passed = timedelta()
    for at, next_minute in _minutes(start):
        if at >= end:
            return passed
        if is_working(calendar, at, absences):
            passed += min(next_minute, end) - at
    raise AssertionError


def after_working(
    calendar: Calendar, start: datetime, wanted: timedelta, absences: Sequence[Absence] = ()
) -> datetime:
    left = wanted
    for at, next_minute in _minutes(start):
        if left <= timedelta():
            return at
        if is_working(calendar, at, absences):
            if left <= next_minute - at:
                return at + left
            left -= next_minute - at
    raise AssertionError


def days_after(calendar: Calendar, start: datetime, days: int) -> datetime:
    local = start.astimezone(calendar.zone)
    day, at = local.date(), local.time()
    if day not in calendar.days_off and days == 0:
        return start
    while day in calendar.days_off:
        day, at = day + timedelta(days=1), time()
    for _ in range(days):
        day += timedelta(days=1)
        while day in calendar.days_off:
            day += timedelta(days=1)
    return datetime.combine(day, at.replace(fold=0), calendar.zone).astimezone(UTC)


def days_after_pauses(
    calendar: Calendar, start: datetime, days: int, pauses: Sequence[Pause]
) -> datetime | None:
    """Hour by hour: of whole hours, in a zone that keeps its clocks. None: not within a year."""
    left, at = 24 * days, start.astimezone(UTC)
    for _ in range(366 * 24):
        off = at.astimezone(calendar.zone).date() in calendar.days_off
        if left == 0 and not off:
            return at
        paused = any(from_at <= at and (to_at is None or at < to_at) for from_at, to_at in pauses)
        left -= 0 if off or paused else 1
        at += timedelta(hours=1)
    return None
