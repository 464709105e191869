"""The directory's part about working time: calendars, profiles and absences, as cox.org tells of them."""

from __future__ import annotations

from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import orjson

from shared.access.working import calendar_from
from shared.contracts.org import AbsenceRecorded, AbsenceWithdrawn, CalendarDefined, ProfileDefined
from shared.events.envelope import Received, Undecodable

if TYPE_CHECKING:
    from asyncpg import Connection, Record

    Raw = Connection[Record]

_CALENDAR = """
insert into org_calendars (tenant_id, id, name, timezone, week, days_off, worked_days, active)
values ($1, $2, $3, $4, $5::jsonb, $6, $7::jsonb, $8)
on conflict (tenant_id, id) do update
  set name = excluded.name, timezone = excluded.timezone, week = excluded.week,
      days_off = excluded.days_off, worked_days = excluded.worked_days, active = excluded.active
"""
_PROFILE = """
insert into org_profiles
  (tenant_id, user_id, level, capacity, skills, languages, territories, timezone, calendar_id)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9)
on conflict (tenant_id, user_id) do update
  set level = excluded.level, capacity = excluded.capacity, skills = excluded.skills,
      languages = excluded.languages, territories = excluded.territories,
      timezone = excluded.timezone, calendar_id = excluded.calendar_id
"""
_ABSENCE = """
insert into org_absences (tenant_id, id, user_id, from_at, to_at) values ($1, $2, $3, $4, $5)
on conflict (tenant_id, id) do nothing
"""
_NO_ABSENCE = "delete from org_absences where tenant_id = $1 and id = $2"


async def apply_working(
    raw: Raw,
    received: Received,
    event: CalendarDefined | ProfileDefined | AbsenceRecorded | AbsenceWithdrawn,
) -> None:
    """One of these events. Raises Undecodable for what nobody could work by."""
    tenant = received.tenant_id
    match event:
        case CalendarDefined():
            await _calendar_defined(raw, received, event)
        case ProfileDefined():
            await _profile_defined(raw, received, event)
        case AbsenceRecorded():
            times = event.from_at, event.to_at
            await raw.execute(_ABSENCE, tenant, event.absence_id, event.user_id, *times)
        case AbsenceWithdrawn():
            await raw.execute(_NO_ABSENCE, tenant, event.absence_id)


async def _calendar_defined(raw: Raw, received: Received, event: CalendarDefined) -> None:
    told = event.model_dump(mode="json")
    try:
        calendar_from(event.timezone, told["week"], event.days_off, told["worked_days"])
    except (ValueError, ZoneInfoNotFoundError) as error:
        raise Undecodable(received.event_id, f"nobody can work by this calendar: {error}") from None
    await raw.execute(
        _CALENDAR, received.tenant_id, event.calendar_id, event.name, event.timezone, _json(told["week"]),
        list(event.days_off), _json(told["worked_days"]), event.active,
    )  # fmt: skip


async def _profile_defined(raw: Raw, received: Received, event: ProfileDefined) -> None:
    if event.timezone is not None:
        try:
            ZoneInfo(event.timezone)
        except (ValueError, ZoneInfoNotFoundError):
            raise Undecodable(received.event_id, "timezone: unknown here") from None
    await raw.execute(
        _PROFILE, received.tenant_id, event.user_id, event.level, event.capacity, list(event.skills),
        list(event.languages), list(event.territories), event.timezone, event.calendar_id,
    )  # fmt: skip


def _json(value: object) -> str:
    return orjson.dumps(value).decode()
