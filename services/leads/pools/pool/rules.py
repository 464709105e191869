"""Who may have a lead out of a pool, and for how long the owner before may not."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, time, timedelta
from typing import Literal
from uuid import UUID
from zoneinfo import ZoneInfo

from services.leads.pools.pool.keeping import Keeping
from shared.contracts.base import Credit
from shared.contracts.leads import LeadStatus, PoolKind
from shared.errors import Conflict, FieldError, Forbidden, Invalid
from shared.worktime.calendar import Calendar
from shared.worktime.moments import days_after

Why = Literal["released", "unassigned", "no_first_follow_up", "no_follow_up", "no_deal", "no_first_response"]
"""How a lead comes into a pool: given back, no rule found anybody for it, or its owner's term ended, or their
time for the first response.
"""


class LeadAlreadyClaimed(Conflict):
    code = "lead_already_claimed"
    title = "Somebody else has claimed the lead"


class NotInPool(Conflict):
    code = "not_in_pool"
    title = "The lead lies in no pool"


class NotAMember(Forbidden):
    code = "not_a_member"
    title = "Only reps who are members of the pool claim from it"


class DoNotContact(Conflict):
    code = "do_not_contact"
    title = "The person wishes not to be contacted"


class CoolingOff(Conflict):
    code = "cooling_off"
    title = "Whoever had the lead before waits before claiming it again"


class NoClaims(Conflict):
    code = "no_claims"
    title = "Leads are not claimed from this pool: its admins give them to somebody"


class DailyQuota(Conflict):
    code = "daily_quota"
    title = "The day's claims from this pool are used up"


class CapInHand(Conflict):
    code = "cap_in_hand"
    title = "As many are in hand as may be"


class LeadClosed(Conflict):
    code = "lead_closed"
    title = "A lost lead goes into no pool, and is not taken out of one"


class WrongPool(Conflict):
    code = "wrong_pool"
    title = "Open leads lie in pools of leads, won ones in pools of customers"


class InPoolAlready(Conflict):
    code = "in_pool_already"
    title = "The lead lies in a pool already"


class NobodyMayClaim(Invalid):
    code = "pool_without_members"
    title = "A pool needs somebody who may claim from it, or admins who give its leads to others"


class PoolInactive(Conflict):
    code = "pool_inactive"
    title = "The pool is not in use"


class WhichPool(Invalid):
    code = "which_pool"
    title = "Name the pool that the lead goes to"


@dataclass(frozen=True, slots=True)
class Caps:
    """Most in hand: by level, else `default`; None: as many as one likes."""

    default: int | None = None
    by_level: Mapping[str, int] = field(default_factory=dict)

    def of(self, level: str | None) -> int | None:
        return self.by_level.get(level, self.default) if level is not None else self.default


@dataclass(frozen=True, slots=True)
class Pool:
    """A pool as it is now; members are users, and the reps of units and of those below them.

    In a pool of customers lie won leads, and caps count those. Admins look in and give to others what lies
    there. `daily_claims` per member and natural day of the tenant, None: any number, 0: nobody claims.
    `cooling_days`: how long the owner before, with `cooling_team` their whole team, may not have a lead
    again. `hidden_fields`: custom fields that only who sees the whole tenant sees of what lies there.
    """

    id: UUID
    version: int
    name: str
    kind: PoolKind = "leads"
    is_default: bool = False
    unit_ids: tuple[UUID, ...] = ()
    user_ids: tuple[UUID, ...] = ()
    admin_ids: tuple[UUID, ...] = ()
    daily_claims: int | None = None
    caps: Caps = field(default_factory=Caps)
    cooling_days: int = 0
    cooling_team: bool = False
    keeping: Keeping | None = None
    hidden_fields: tuple[str, ...] = ()
    active: bool = True
    created_at: datetime | None = None

    def has_member(self, credit: Credit) -> bool:
        """`credit` as that of a rep of today: whom it names, and where they belong."""
        if credit.rep_id is None:
            return False
        return credit.rep_id in self.user_ids or not set(self.unit_ids).isdisjoint(credit.team_path)


@dataclass(frozen=True, slots=True)
class Cooling:
    """Who waits for a lead until when: a user, and where a team is named everybody of it."""

    lead_id: UUID
    user_id: UUID
    team_id: UUID | None
    until: datetime


@dataclass(frozen=True, slots=True)
class Hands:
    """What is found of whoever is to have a lead: how many they have in hand, their level, and until when
    they wait for this one.
    """

    in_hand: int
    level: str | None = None
    cooling_until: datetime | None = None


def waits_until(coolings: Iterable[Cooling], user_id: UUID, team_id: UUID | None) -> datetime | None:
    """How long somebody waits for the lead that these are of; None: nobody has them wait."""
    mine = (
        one.until
        for one in coolings
        if one.user_id == user_id or (one.team_id is not None and one.team_id == team_id)
    )
    return max(mine, default=None)


def check_claim(
    pool: Pool, hands: Hands, claims_today: int, at: datetime, zone: ZoneInfo, *, do_not_contact: bool
) -> None:
    """Raises NoClaims, DoNotContact, CoolingOff, DailyQuota or CapInHand, in this order."""
    if pool.daily_claims == 0:
        raise NoClaims
    _check_free(hands, at, zone, do_not_contact=do_not_contact)
    if pool.daily_claims is not None and claims_today >= pool.daily_claims:
        again = _told(next_day(at, zone), zone)
        raise DailyQuota(f"{pool.daily_claims} a day from the pool {pool.name}; the next from {again} on")
    _check_cap(pool, hands)


def check_gift(pool: Pool, hands: Hands, at: datetime, zone: ZoneInfo, *, do_not_contact: bool) -> None:
    """The same of a lead that somebody else gives: only the day's claims play no part.

    Raises DoNotContact, CoolingOff or CapInHand, in this order.
    """
    _check_free(hands, at, zone, do_not_contact=do_not_contact)
    _check_cap(pool, hands)


def _check_free(hands: Hands, at: datetime, zone: ZoneInfo, *, do_not_contact: bool) -> None:
    if do_not_contact:
        raise DoNotContact("it stays in the pool until the person agrees to be contacted")
    if hands.cooling_until is not None and at < hands.cooling_until:
        raise CoolingOff(f"who had it may have it again from {_told(hands.cooling_until, zone)} on")


def _check_cap(pool: Pool, hands: Hands) -> None:
    cap = pool.caps.of(hands.level)
    if cap is not None and hands.in_hand >= cap:
        what = "open leads" if pool.kind == "leads" else "customers"
        raise CapInHand(f"{hands.in_hand} {what} are in hand; at most {cap} for whoever takes from here")


def check_kind(pool: Pool, status: LeadStatus) -> None:
    """Whether a lead of this status may lie in the pool. Raises LeadClosed, WrongPool."""
    if status == "lost":
        raise LeadClosed("it is lost")
    if pool.kind != kind_for(status):
        raise WrongPool(f"it is {status}, and {pool.name} is a pool of {pool.kind}")


def kind_for(status: LeadStatus) -> PoolKind | None:
    """The pools that a lead of this status may lie in; None: no pool."""
    return _KINDS.get(status)


_KINDS: Mapping[LeadStatus, PoolKind] = {"open": "leads", "won": "customers"}


def cooling_until(pool: Pool, at: datetime, calendar: Calendar) -> datetime:
    """Until when the owner before waits: natural days of their calendar, statutory holidays not counted."""
    return days_after(calendar, at, pool.cooling_days)


def next_day(at: datetime, zone: ZoneInfo) -> datetime:
    """When the tenant's natural day after that of `at` begins."""
    return datetime.combine(at.astimezone(zone).date() + timedelta(days=1), time(), zone)


def _told(moment: datetime, zone: ZoneInfo) -> str:
    return moment.astimezone(zone).isoformat(timespec="seconds")


def check_members(pool: Pool, reps: int, admins: int) -> None:
    """Raises NobodyMayClaim where an active pool has neither members who claim nor admins who give.

    `reps` and `admins`: how many active ones it has.
    """
    if not pool.active or admins:
        return
    if not reps:
        detail = "name users who are active reps, or units that have some, or admins"
        raise NobodyMayClaim(detail, errors=[FieldError("/members", NobodyMayClaim.code, detail)])
    if pool.daily_claims == 0:
        detail = "where nobody claims there have to be admins"
        raise NobodyMayClaim(detail, errors=[FieldError("/daily_claims", NobodyMayClaim.code, detail)])
