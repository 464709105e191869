"""Who may claim a lead out of a pool, and for how long the owner before may not."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, time, timedelta
from typing import Literal, get_args
from uuid import UUID
from zoneinfo import ZoneInfo

from shared.contracts.base import Credit
from shared.errors import Conflict, FieldError, Forbidden, Invalid
from shared.worktime.calendar import Calendar
from shared.worktime.moments import days_after

Ended = Literal["no_first_follow_up", "no_follow_up", "no_deal"]
"""Which term came to its end."""
RECYCLED: frozenset[str] = frozenset(get_args(Ended))
"""A lead that comes in so comes back from an owner who did not keep it."""
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


class DailyQuota(Conflict):
    code = "daily_quota"
    title = "The day's claims from this pool are used up"


class CapInHand(Conflict):
    code = "cap_in_hand"
    title = "As many open leads are in hand as may be"


class LeadClosed(Conflict):
    code = "lead_closed"
    title = "Only an open lead goes into a pool, or is taken out of it"


class InPoolAlready(Conflict):
    code = "in_pool_already"
    title = "The lead lies in a pool already"


class NobodyMayClaim(Invalid):
    code = "pool_without_members"
    title = "A pool needs somebody who may claim from it"


class PoolInactive(Conflict):
    code = "pool_inactive"
    title = "The pool is not in use"


class KeepingImpossible(Invalid):
    code = "keeping_impossible"
    title = "Terms that cannot work"


class WhichPool(Invalid):
    code = "which_pool"
    title = "Name the pool that the lead goes to"


@dataclass(frozen=True, slots=True)
class Caps:
    """Most open leads in hand: by level, else `default`; None: as many as one likes."""

    default: int | None = None
    by_level: Mapping[str, int] = field(default_factory=dict)

    def of(self, level: str | None) -> int | None:
        return self.by_level.get(level, self.default) if level is not None else self.default


@dataclass(frozen=True, slots=True)
class Terms:
    """How long an owner keeps a lead, in natural days, statutory holidays not counted; None: without end.

    From the assignment to the first effective follow-up, from each to the next, and to the deal.
    """

    first_follow_up_days: int | None = None
    follow_up_days: int | None = None
    deal_days: int | None = None

    @property
    def given(self) -> tuple[int, ...]:
        days = (self.first_follow_up_days, self.follow_up_days, self.deal_days)
        return tuple(each for each in days if each is not None)


@dataclass(frozen=True, slots=True)
class Special:
    """Other terms, for leads of one of these products (none: of any) with one of these tags (none: any)."""

    terms: Terms
    products: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()

    def is_for(self, product: str | None, tags: tuple[str, ...]) -> bool:
        return (not self.products or product in self.products) and (
            not self.tags or not set(self.tags).isdisjoint(tags)
        )


@dataclass(frozen=True, slots=True)
class Keeping:
    """On which terms owners keep the leads of a pool; the first special ones that are for a lead count.

    They are warned so many days before. Who brought a lead in themselves keeps it `protection_days` at least;
    `extension_days` is what a superior may add, once. A lead that comes back for the `dormant_after`th time
    goes to the dormant pool.
    """

    terms: Terms
    special: tuple[Special, ...] = ()
    warn_days: tuple[int, ...] = ()
    protection_days: int | None = None
    extension_days: int | None = None
    dormant_pool_id: UUID | None = None
    dormant_after: int | None = None

    def terms_for(self, product: str | None, tags: tuple[str, ...]) -> Terms:
        found = (each.terms for each in self.special if each.is_for(product, tags))
        return next(found, self.terms)


@dataclass(frozen=True, slots=True)
class Pool:
    """A pool as it is now; members are users, and the reps of units and of those below them.

    `daily_claims` per member and natural day of the tenant, None: any number. `cooling_days`: how long the
    owner before, with `cooling_team` their whole team, may not claim a lead again.
    """

    id: UUID
    version: int
    name: str
    is_default: bool = False
    unit_ids: tuple[UUID, ...] = ()
    user_ids: tuple[UUID, ...] = ()
    daily_claims: int | None = None
    caps: Caps = field(default_factory=Caps)
    cooling_days: int = 0
    cooling_team: bool = False
    keeping: Keeping | None = None
    active: bool = True

    def has_member(self, credit: Credit) -> bool:
        """`credit` as that of a rep of today: whom it names, and where they belong."""
        if credit.rep_id is None:
            return False
        return credit.rep_id in self.user_ids or not set(self.unit_ids).isdisjoint(credit.team_path)


@dataclass(frozen=True, slots=True)
class Hands:
    """What a claim finds of the claimer: open leads in hand, claims of the day, cooling until when."""

    open_leads: int
    claims_today: int
    cooling_until: datetime | None


def check_claim(
    pool: Pool, hands: Hands, level: str | None, at: datetime, zone: ZoneInfo, *, do_not_contact: bool
) -> None:
    """Raises DoNotContact, CoolingOff, DailyQuota or CapInHand, in this order."""
    if do_not_contact:
        raise DoNotContact("it stays in the pool until the person agrees to be contacted")
    if hands.cooling_until is not None and at < hands.cooling_until:
        raise CoolingOff(f"you may claim it again from {_told(hands.cooling_until, zone)} on")
    if pool.daily_claims is not None and hands.claims_today >= pool.daily_claims:
        again = _told(next_day(at, zone), zone)
        raise DailyQuota(f"{pool.daily_claims} a day from the pool {pool.name}; the next from {again} on")
    cap = pool.caps.of(level)
    if cap is not None and hands.open_leads >= cap:
        raise CapInHand(f"you have {hands.open_leads} open leads; at most {cap} for whoever claims here")


def cooling_until(pool: Pool, at: datetime, calendar: Calendar) -> datetime:
    """Until when the owner before waits: natural days of their calendar, statutory holidays not counted."""
    return days_after(calendar, at, pool.cooling_days)


def next_day(at: datetime, zone: ZoneInfo) -> datetime:
    """When the tenant's natural day after that of `at` begins."""
    return datetime.combine(at.astimezone(zone).date() + timedelta(days=1), time(), zone)


def _told(moment: datetime, zone: ZoneInfo) -> str:
    return moment.astimezone(zone).isoformat(timespec="seconds")


def check_keeping(keeping: Keeping) -> None:
    """Raises KeepingImpossible naming every term and warning that cannot work."""
    errors = []
    every = [("", keeping.terms)] + [(f"/special/{at}", one.terms) for at, one in enumerate(keeping.special)]
    for where, terms in every:
        if not terms.given:
            errors.append(FieldError(f"/keeping{where}", "no_term", "give at least one number of days"))
    for at, days in enumerate(keeping.warn_days):
        if all(term <= days for _, terms in every for term in terms.given):
            detail = f"no term is longer than {days} days: nobody would be warned"
            errors.append(FieldError(f"/keeping/warn_days/{at}", "warning_too_early", detail))
    if (keeping.dormant_pool_id is None) != (keeping.dormant_after is None):
        detail = "a dormant pool and after how many returns belong together"
        errors.append(FieldError("/keeping/dormant_after", "half_dormant", detail))
    if errors:
        raise KeepingImpossible(errors[0].detail, errors=errors)


def check_members(pool: Pool, reps: int) -> None:
    """Raises NobodyMayClaim where an active pool has no rep among its members."""
    if pool.active and not reps:
        detail = "name users who are active reps, or units that have some"
        raise NobodyMayClaim(detail, errors=[FieldError("/members", NobodyMayClaim.code, detail)])
