"""Defining calendars; they are never removed, since units and profiles name them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from datetime import datetime
from uuid import UUID

from services.gateway.calendars import tables
from services.gateway.calendars.rules import (
    CalendarInUse,
    CalendarNameTaken,
    WorkCalendar,
    check_calendar,
    hours_of,
)
from services.gateway.tenancy.use_cases import check_version, locked_tenant, record
from shared.contracts.base import Event
from shared.contracts.org import CalendarDefined, WorkedDay, WorkInterval
from shared.database.transactions import Tx
from shared.errors import FieldError, Invalid, NotFound
from shared.worktime.calendar import Hours

InUse = Callable[[Tx, UUID], Awaitable[bool]]
"""Whether somebody works by a calendar."""


class UnknownCalendar(Invalid):
    code = "unknown_calendar"
    title = "There is no such active calendar"


async def page_calendars(
    tx: Tx, *, after: UUID | None, limit: int, active: bool | None
) -> list[WorkCalendar]:
    """Calendars in id order."""
    where = [] if after is None else [tables.calendars.c.id > after]
    if active is not None:
        where.append(tables.calendars.c.active.is_(active))
    return await tables.load_calendars(tx, *where, limit=limit)


async def calendar_of(tx: Tx, calendar_id: UUID) -> WorkCalendar:
    """Raises NotFound."""
    for calendar in await tables.load_calendars(tx, tables.calendars.c.id == calendar_id):
        return calendar
    raise NotFound("There is no such calendar")


async def check_usable(tx: Tx, calendar_id: UUID | None) -> None:
    """Raises UnknownCalendar for one that nobody may begin to work by. None is none."""
    if calendar_id is None:
        return
    found = await tables.load_calendars(
        tx, tables.calendars.c.id == calendar_id, tables.calendars.c.active.is_(True)
    )
    if not found:
        detail = f"There is no active calendar {calendar_id}"
        raise UnknownCalendar(detail, errors=[FieldError("/calendar_id", UnknownCalendar.code, detail)])


async def create_calendar(tx: Tx, calendar: WorkCalendar, *, now: datetime) -> WorkCalendar:
    """Raises BadCalendar, UnknownTimezone, CalendarNameTaken."""
    check_calendar(calendar)
    await locked_tenant(tx)
    await _check_name(tx, calendar)
    [version] = await record(tx, [_fact(calendar)], now)
    made = replace(calendar, version=version)
    await tables.insert_calendar(tx, made)
    return made


async def change_calendar(
    tx: Tx,
    calendar_id: UUID,
    changes: Mapping[str, object],
    *,
    in_use: InUse,
    if_match: int | None,
    now: datetime,
) -> WorkCalendar:
    """Change fields, named as in WorkCalendar; what is already due by the old hours stays due then.

    Raises NotFound, BadCalendar, UnknownTimezone, CalendarNameTaken, CalendarInUse.
    """
    await locked_tenant(tx)
    calendar = await calendar_of(tx, calendar_id)
    check_version(calendar.version, if_match)
    changed = replace(calendar, **changes)  # type: ignore[arg-type]  # the route's model holds the field types
    if changed == calendar:
        return calendar
    check_calendar(changed)
    if changed.name != calendar.name:
        await _check_name(tx, changed)
    if calendar.active and not changed.active and await in_use(tx, calendar_id):
        raise CalendarInUse("Give those units and users another one first")
    [version] = await record(tx, [_fact(changed)], now)
    changed = replace(changed, version=version)
    await tables.store_calendar(tx, changed)
    return changed


async def _check_name(tx: Tx, calendar: WorkCalendar) -> None:
    if await tables.load_calendars(tx, tables.calendars.c.name == calendar.name):
        detail = f"{calendar.name!r} is in use"
        raise CalendarNameTaken(detail, errors=[FieldError("/name", CalendarNameTaken.code, detail)])


def _fact(calendar: WorkCalendar) -> Event:
    return CalendarDefined(
        calendar_id=calendar.id,
        name=calendar.name,
        timezone=calendar.timezone,
        week=tuple(_intervals(hours) for hours in calendar.week),
        days_off=calendar.days_off,
        worked_days=tuple(
            WorkedDay(day=worked.day, hours=_intervals(hours_of(calendar, worked)))
            for worked in calendar.worked_days
        ),
        active=calendar.active,
    )


def _intervals(hours: Hours) -> tuple[WorkInterval, ...]:
    return tuple(WorkInterval(start_minute=start, end_minute=end) for start, end in hours)
