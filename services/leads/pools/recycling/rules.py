"""When an owner is warned, and when their term ends."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from services.leads.pools.pool.keeping import Ended, Keeping, Kept
from shared.errors import Conflict, FieldError, Forbidden, Invalid
from shared.worktime.calendar import Calendar
from shared.worktime.moments import Pause, days_after, days_after_pauses

LONGEST_LOCK = timedelta(days=366)


class ExtensionNotAllowed(Forbidden):
    code = "extension_not_allowed"
    title = "Only who leads others extends a term"


class NothingToExtend(Conflict):
    code = "nothing_to_extend"
    title = "There is no term to extend"


class LockNotAllowed(Forbidden):
    code = "lock_not_allowed"
    title = "Only who leads others lets terms stand still"


class NothingToLock(Conflict):
    code = "nothing_to_lock"
    title = "There is no term that could stand still, or none that does"


class BadLock(Invalid):
    code = "bad_lock"
    title = "Not a time until which a term could stand still"


class ExtendedBefore(Conflict):
    code = "extended_before"
    title = "The term was extended before"


@dataclass(frozen=True, slots=True)
class Held:
    """A lead in somebody's hands: since when, a reopening there being a new start, and when it was last
    followed up effectively since then. `self_sourced`: its owner brought it in; `extended`: their term is.
    In `pauses` terms stand still.
    """

    since: datetime
    followed_at: datetime | None
    kind: Kept
    self_sourced: bool = False
    extended: bool = False
    pauses: tuple[Pause, ...] = ()


@dataclass(frozen=True, slots=True)
class Plan:
    """The end of a term, why it ends then, and the warnings before it, in order."""

    ends_at: datetime
    why: Ended
    warnings: tuple[datetime, ...]

    def next_date(self, warned_of: datetime | None) -> datetime:
        """The first warning not given yet, the last being of `warned_of`; else the end. It may be over."""
        return next((at for at in self.warnings if _is_new(at, warned_of)), self.ends_at)

    def warning_at(self, now: datetime, warned_of: datetime | None) -> datetime | None:
        """The warning that is to be given now: of several that were missed, the last."""
        come = [at for at in self.warnings if at <= now and _is_new(at, warned_of)]
        return come[-1] if come else None


def _is_new(at: datetime, warned_of: datetime | None) -> bool:
    return warned_of is None or at > warned_of


def plan(keeping: Keeping, held: Held, calendar: Calendar) -> Plan | None:
    """The term that ends first, extended if it is, and never before protection ends; None where none of them
    applies to the lead, or they stand still.
    """
    more = (keeping.extension_days or 0) if held.extended else 0
    ends = [
        (ends_at, why, start, days + more)
        for start, days, why in _terms(keeping, held)
        if (ends_at := days_after_pauses(calendar, start, days + more, held.pauses)) is not None
    ]
    if not ends:
        return None
    ends_at, why, start, days = min(ends)
    if held.self_sourced and keeping.protection_days is not None:
        protected = days_after(calendar, held.since, keeping.protection_days)
        if protected > ends_at:
            ends_at, start, days = protected, held.since, keeping.protection_days
    warnings = [
        days_after_pauses(calendar, start, days - before, held.pauses)
        for before in sorted(keeping.warn_days, reverse=True)
        if before < days
    ]
    return Plan(ends_at, why, tuple(at for at in warnings if at is not None))


def check_lock(at: datetime, until: datetime) -> None:
    """Raises BadLock."""
    if at < until <= at + LONGEST_LOCK:
        return
    detail = f"give a moment to come, at most {LONGEST_LOCK.days} days from now"
    raise BadLock(detail, errors=[FieldError("/until", BadLock.code, detail)])


def _terms(keeping: Keeping, held: Held) -> Iterator[tuple[datetime, int, Ended]]:
    terms = keeping.terms_for(held.kind)
    if terms.first_follow_up_days is not None and held.followed_at is None:
        yield held.since, terms.first_follow_up_days, "no_first_follow_up"
    if terms.follow_up_days is not None:
        yield held.followed_at or held.since, terms.follow_up_days, "no_follow_up"
    if terms.deal_days is not None:
        yield held.since, terms.deal_days, "no_deal"
