"""Profiles and absences of users, and who works by a calendar."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from uuid import UUID

from services.gateway.calendars import use_cases as calendars
from services.gateway.calendars.rules import check_timezone
from services.gateway.org import use_cases as org
from services.gateway.tenancy.use_cases import check_version, locked_tenant, record
from services.gateway.working import tables
from services.gateway.working.rules import (
    Absence,
    AlreadyAbsent,
    Profile,
    check_interval,
    check_may_record,
)
from shared.access.principal import Principal
from shared.contracts.org import AbsenceRecorded, AbsenceWithdrawn, ProfileDefined
from shared.database.transactions import Tx
from shared.errors import NotFound


async def profile_of(tx: Tx, user_id: UUID) -> Profile:
    """An empty one where nothing was said yet. Raises NotFound, also for whom the caller may not see."""
    await org.user_of(tx, user_id)
    return await tables.load_profile(tx, user_id) or Profile(user_id)


async def define_profile(tx: Tx, wanted: Profile, *, if_match: int | None, now: datetime) -> Profile:
    """Replace a user's profile. Raises NotFound, UnknownTimezone, UnknownCalendar."""
    await locked_tenant(tx)
    present = await profile_of(tx, wanted.user_id)
    check_version(present.version, if_match)
    if replace(wanted, version=present.version) == present:
        return present
    if wanted.timezone is not None:
        check_timezone(wanted.timezone, "/timezone")
    if wanted.calendar_id != present.calendar_id:
        await calendars.check_usable(tx, wanted.calendar_id)
    [version] = await record(tx, [_fact(wanted)], now)
    defined = replace(wanted, version=version)
    await tables.store_profile(tx, defined)
    return defined


def _fact(profile: Profile) -> ProfileDefined:
    return ProfileDefined(
        user_id=profile.user_id,
        level=profile.level,
        capacity=profile.capacity,
        skills=profile.skills,
        languages=profile.languages,
        territories=profile.territories,
        timezone=profile.timezone,
        calendar_id=profile.calendar_id,
    )


async def page_absences(
    tx: Tx, user_id: UUID, *, after: tuple[datetime, UUID] | None, limit: int
) -> list[Absence]:
    """A user's absences, the last to begin first. Raises NotFound."""
    await org.user_of(tx, user_id)
    return await tables.page_absences(tx, user_id, after=after, limit=limit)


async def record_absence(tx: Tx, absence: Absence, *, principal: Principal) -> Absence:
    """Raises NotFound, NotTheirManager, AbsenceEndsFirst, InactiveUser, AlreadyAbsent."""
    await locked_tenant(tx)
    user = await org.user_of(tx, absence.user_id)
    check_may_record(principal, user.id)
    check_interval(absence.from_at, absence.to_at)
    if not user.active:
        raise org.InactiveUser
    if await tables.is_recorded(tx, user.id, absence.from_at, absence.to_at):
        raise AlreadyAbsent("Withdraw it first to record it as another kind")
    fact = AbsenceRecorded(
        absence_id=absence.id, user_id=user.id, from_at=absence.from_at, to_at=absence.to_at
    )
    await record(tx, [fact], absence.recorded_at)
    await tables.insert_absence(tx, absence)
    return absence


async def withdraw_absence(
    tx: Tx, user_id: UUID, absence_id: UUID, *, principal: Principal, now: datetime
) -> None:
    """It does not take place, or did not. Raises NotFound, NotTheirManager."""
    await locked_tenant(tx)
    await org.user_of(tx, user_id)
    absence = await tables.find_absence(tx, user_id, absence_id)
    if absence is None:
        raise NotFound("There is no such absence")
    check_may_record(principal, user_id)
    fact = AbsenceWithdrawn(
        absence_id=absence.id, user_id=user_id, from_at=absence.from_at, to_at=absence.to_at
    )
    await record(tx, [fact], now)
    await tables.delete_absence(tx, absence)


async def calendar_in_use(tx: Tx, calendar_id: UUID) -> bool:
    """Whether active units have it, or active users one of their own."""
    # Also those whom the caller may not see.
    await tx.as_tenant()
    if await org.units_have_calendar(tx, calendar_id):
        return True
    return bool(await org.active_among(tx, await tables.users_of_calendar(tx, calendar_id)))
