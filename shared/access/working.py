"""When people work, and what counts about them: the directory's calendars, profiles and absences."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import asyncpg

from shared.access.directory import TenantUnknown, tenant_id_of, unit_of_user
from shared.database.transactions import Tx
from shared.worktime.calendar import Calendar, Hours, usual_calendar
from shared.worktime.moments import Absence

_PROFILES = """
select user_id, level, capacity, skills, languages, territories
from org_profiles where tenant_id = $1 and user_id = any($2::uuid[])
"""
# Of the unit `n`, the nearest at or above that has one.
_NEAREST = """
select a.calendar_id from org_closure c
join org_units a on a.tenant_id = c.tenant_id and a.id = c.ancestor_id
where c.tenant_id = $1 and c.descendant_id = n.id and a.calendar_id is not null
order by c.depth limit 1
"""
_OF_USERS = f"""
select u.id, t.timezone as tenants, p.timezone as own,
  coalesce(p.calendar_id, ({_NEAREST})) as calendar_id
from org_users u
{unit_of_user()}
left join org_tenants t on t.tenant_id = u.tenant_id
left join org_profiles p on p.tenant_id = u.tenant_id and p.user_id = u.id
where u.tenant_id = $1 and u.id = any($2::uuid[])
"""  # noqa: S608 - our own words
_CALENDARS = """
select id as calendar_id, timezone, week, days_off, worked_days from org_calendars
where tenant_id = $1 and id = any($2::uuid[])
"""
_ABSENCES = """
select user_id, from_at, to_at from org_absences
where tenant_id = $1 and user_id = any($2::uuid[]) and to_at > $3 and from_at < $4
order by user_id, from_at, to_at
"""


@dataclass(frozen=True, slots=True)
class Profile:
    """`level` is a code; `capacity` the most open leads, None: as many as one likes."""

    level: str | None = None
    capacity: int | None = None
    skills: frozenset[str] = frozenset()
    languages: frozenset[str] = frozenset()
    territories: frozenset[str] = frozenset()


_NOTHING_SAID = Profile()


async def profiles_of(
    tx: Tx, user_ids: Iterable[UUID], *, tenant_id: UUID | None = None
) -> dict[UUID, Profile]:
    """A profile for each of them; an empty one for those of whom nothing was said."""
    wanted = list(set(user_ids))
    rows = await tx.connection.fetch(_PROFILES, tenant_id_of(tx, tenant_id), wanted)
    return dict.fromkeys(wanted, _NOTHING_SAID) | {row["user_id"]: _profile(row) for row in rows}


def _profile(row: asyncpg.Record) -> Profile:
    return Profile(
        level=row["level"],
        capacity=row["capacity"],
        skills=frozenset(row["skills"]),
        languages=frozenset(row["languages"]),
        territories=frozenset(row["territories"]),
    )


async def calendars_of_users(
    tx: Tx, user_ids: Iterable[UUID], *, tenant_id: UUID | None = None
) -> dict[UUID, Calendar]:
    """By what each works now: their own calendar, else their unit's, in their own zone if they have one.

    Unknown users are left out. Raises TenantUnknown (503).
    """
    tenant, wanted = tenant_id_of(tx, tenant_id), list(set(user_ids))
    rows = await tx.connection.fetch(_OF_USERS, tenant, wanted)
    named = list({row["calendar_id"] for row in rows} - {None})
    found = await tx.connection.fetch(_CALENDARS, tenant, named) if named else []
    defined = {row["calendar_id"]: row for row in found}
    # Colleagues share one: its index is made once.
    made: dict[tuple[UUID | None, str | None], Calendar] = {}
    for row in rows:
        key = row["calendar_id"], row["own"]
        if key not in made:
            made[key] = _of_user(defined.get(row["calendar_id"]), row["own"], row["tenants"])
    return {row["id"]: made[row["calendar_id"], row["own"]] for row in rows}


def _of_user(defined: asyncpg.Record | None, own_zone: str | None, tenants_zone: str | None) -> Calendar:
    if defined is not None:
        return _calendar(defined, own_zone)
    zone = own_zone or tenants_zone
    if zone is None:
        raise TenantUnknown("Try again in a moment")
    return usual_calendar(ZoneInfo(zone))


async def absences_of(
    tx: Tx, user_ids: Iterable[UUID], from_at: datetime, to_at: datetime, *, tenant_id: UUID | None = None
) -> dict[UUID, list[Absence]]:
    """Absences that touch the time from `from_at` until before `to_at`, whole and in order.

    Those who have none are left out.
    """
    rows = await tx.connection.fetch(
        _ABSENCES, tenant_id_of(tx, tenant_id), list(set(user_ids)), from_at, to_at
    )
    found: dict[UUID, list[Absence]] = {}
    for row in rows:
        found.setdefault(row["user_id"], []).append((row["from_at"], row["to_at"]))
    return found


def calendar_from(
    timezone: str,
    week: Sequence[Sequence[Mapping[str, int]]],
    days_off: Iterable[date],
    worked_days: Sequence[Mapping[str, Any]],
) -> Calendar:
    """A calendar in the words of the event `calendar_defined`. Raises ValueError, ZoneInfoNotFoundError."""
    return Calendar(
        zone=ZoneInfo(timezone),
        week=tuple(_hours(hours) for hours in week),
        days_off=frozenset(days_off),
        worked_days={date.fromisoformat(each["day"]): _hours(each["hours"]) for each in worked_days},
    )


def _calendar(row: asyncpg.Record, zone: str | None = None) -> Calendar:
    return calendar_from(zone or row["timezone"], row["week"], row["days_off"], row["worked_days"])


def _hours(told: Sequence[Mapping[str, int]]) -> Hours:
    return tuple((each["start_minute"], each["end_minute"]) for each in told)
