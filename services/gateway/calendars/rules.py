"""What a calendar may look like."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from functools import cache
from uuid import UUID
from zoneinfo import available_timezones

from shared.errors import Conflict, FieldError, Invalid
from shared.worktime.calendar import Hours, flaw_of

WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
# The system's own, which each machine has another of.
_NO_ZONES = frozenset({"localtime", "posixrules", "Factory"})


class BadCalendar(Invalid):
    code = "bad_calendar"
    title = "Nobody could work by this calendar"


class UnknownTimezone(Invalid):
    code = "unknown_timezone"
    title = "There is no such time zone"


class CalendarNameTaken(Conflict):
    code = "calendar_name_taken"
    title = "Another calendar of the tenant has this name"


class CalendarInUse(Conflict):
    code = "calendar_in_use"
    title = "Active units or users still work by the calendar"


@dataclass(frozen=True, slots=True)
class WorkedDay:
    """A day with hours of its own; without any, it has those of the week's Monday."""

    day: date
    hours: Hours | None


@dataclass(frozen=True, slots=True)
class WorkCalendar:
    """`week` has seven days from Monday on; `version` is the org seq that last changed it."""

    id: UUID
    name: str
    timezone: str
    week: tuple[Hours, ...]
    days_off: tuple[date, ...]
    worked_days: tuple[WorkedDay, ...]
    active: bool
    version: int


@cache
def _zones() -> frozenset[str]:
    return frozenset(available_timezones() - _NO_ZONES)


def check_timezone(name: str, pointer: str) -> None:
    """Raises UnknownTimezone unless it is one of the IANA database."""
    if name not in _zones():
        near = difflib.get_close_matches(name, _zones(), n=1)
        detail = f"{name!r} is no IANA time zone, such as {near[0] if near else 'Asia/Shanghai'}"
        raise UnknownTimezone(detail, errors=[FieldError(pointer, UnknownTimezone.code, detail)])


def check_calendar(calendar: WorkCalendar) -> None:
    """Raises BadCalendar, which names every place at fault, or UnknownTimezone."""
    check_timezone(calendar.timezone, "/timezone")
    found = [*_hours_at_fault(calendar), *_days_at_fault(calendar)]
    if not any(calendar.week):
        found.append(FieldError("/week", "no_working_time", "Give hours for at least one day of the week"))
    if found:
        raise BadCalendar("; ".join(dict.fromkeys(each.detail for each in found)), errors=found)


def _hours_at_fault(calendar: WorkCalendar) -> list[FieldError]:
    places: list[tuple[str, Sequence[tuple[int, int]]]] = [
        (f"/week/{weekday}", hours) for weekday, hours in zip(WEEKDAYS, calendar.week, strict=True)
    ]
    places += [
        (f"/worked_days/{index}/hours", worked.hours or ())
        for index, worked in enumerate(calendar.worked_days)
    ]
    flaws = ((pointer, flaw_of(hours)) for pointer, hours in places)
    return [FieldError(f"{pointer}/{flaw[0]}", "bad_interval", flaw[1]) for pointer, flaw in flaws if flaw]


def _days_at_fault(calendar: WorkCalendar) -> list[FieldError]:
    found: list[FieldError] = []
    seen: set[date] = set()
    for index, day in enumerate(calendar.days_off):
        if day in seen:
            found.append(FieldError(f"/days_off/{index}", "repeated_day", "Name each day once"))
        seen.add(day)
    off, seen = seen, set()
    for index, worked in enumerate(calendar.worked_days):
        if worked.day in off:
            detail = f"{worked.day} is a day off: take it from days_off, or do not work it"
            found.append(FieldError(f"/worked_days/{index}/day", "off_and_worked", detail))
        if worked.day in seen:
            found.append(FieldError(f"/worked_days/{index}/day", "repeated_day", "Name each day once"))
        if worked.hours is None and not calendar.week[0]:
            detail = "Give its hours: the week has none on Monday to take"
            found.append(FieldError(f"/worked_days/{index}/hours", "required", detail))
        seen.add(worked.day)
    return found


def hours_of(calendar: WorkCalendar, worked: WorkedDay) -> Hours:
    """The hours of a worked day."""
    return calendar.week[0] if worked.hours is None else worked.hours
