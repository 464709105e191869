"""People leave, now, later or in the past, and come back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from uuid import UUID

from services.gateway.departures import tables
from services.gateway.departures.rules import (
    AlreadyLeaving,
    Departure,
    HandoverRule,
    HasNotLeft,
    NotLeaving,
    check_handover,
    leads_return,
)
from services.gateway.org import use_cases as org
from services.gateway.org.rules import LastAdmin, check_grant
from services.gateway.tenancy.rules import check_not_closed
from services.gateway.tenancy.use_cases import locked_tenant, record
from shared.contracts.org import Handover, RepLeft, RepReturned
from shared.database.transactions import Tx
from shared.events.timing.timers import schedule

TIMER = "org.departure"


async def leave(tx: Tx, departure: Departure, *, may_admin: bool, now: datetime) -> Departure:
    """A user leaves: at once where that is due, else by a timer when it becomes due.

    Raises NotFound, PeriodClosed, InactiveUser, AlreadyLeaving, GrantTooWide, LastAdmin, BadHandover.
    """
    check_not_closed(await locked_tenant(tx), departure.effective_at)
    user = await org.user_of(tx, departure.user_id)
    check_grant(may_admin, user.roles)
    if not user.active:
        raise org.InactiveUser
    if await tables.planned_departure(tx, user_id=user.id):
        raise AlreadyLeaving
    if departure.handover is not None:
        await _check_handover(tx, departure.handover, user.id)
    if departure.effective_at > now:
        await tables.insert_departure(tx, departure)
        await schedule(tx, TIMER, departure.id, departure.effective_at)
        return departure
    done = await _take_effect(tx, departure, now)
    await tables.insert_departure(tx, done)
    return done


async def _check_handover(tx: Tx, rule: HandoverRule, leaver_id: UUID) -> None:
    users = await org.active_among(tx, rule.user_ids)
    is_open = rule.unit_id is not None and await org.is_unit_open(tx, rule.unit_id)
    check_handover(rule, leaver_id, users, is_unit_open=is_open)


async def complete_departure(tx: Tx, departure_id: UUID, now: datetime) -> None:
    """A planned departure is due. It is void where the tenant would lose its last admin."""
    await locked_tenant(tx)
    planned = await tables.planned_departure(tx, departure_id=departure_id)
    if planned is None:
        return
    try:
        done = await _take_effect(tx, planned, now)
    except LastAdmin:
        done = replace(planned, state="void")
    await tables.store_departure(tx, done)


async def _take_effect(tx: Tx, departure: Departure, now: datetime) -> Departure:
    """Who was deactivated in the meantime leaves all the same: their leads are still to be handed over."""
    changes = {"active": False}
    await org.change_user(tx, departure.user_id, changes, may_admin=True, if_match=None, now=now)
    rule = departure.handover
    fact = RepLeft(
        departure_id=departure.id,
        user_id=departure.user_id,
        effective_at=departure.effective_at,
        handover=None
        if rule is None
        else Handover(user_ids=rule.user_ids, unit_id=rule.unit_id, max_open_leads=rule.max_open_leads),
    )
    await record(tx, [fact], departure.effective_at)
    return replace(departure, state="done")


async def cancel_departure(tx: Tx, user_id: UUID) -> None:
    """They stay. Raises NotFound, NotLeaving."""
    await locked_tenant(tx)
    await org.user_of(tx, user_id)
    planned = await tables.planned_departure(tx, user_id=user_id)
    if planned is None:
        raise NotLeaving
    # The timer finds nothing planned any more.
    await tables.store_departure(tx, replace(planned, state="cancelled"))


async def come_back(tx: Tx, user_id: UUID, *, may_admin: bool, now: datetime) -> Departure:
    """Who left is active again; their sessions and keys stay dead.

    Raises NotFound, HasNotLeft, GrantTooWide.
    """
    await locked_tenant(tx)
    user = await org.user_of(tx, user_id)
    departure = await tables.last_departure(tx, user_id)
    if user.active or departure is None:
        raise HasNotLeft
    await org.change_user(tx, user_id, {"active": True}, may_admin=may_admin, if_match=None, now=now)
    back = leads_return(departure.effective_at, now)
    fact = RepReturned(
        departure_id=departure.id, user_id=user_id, left_at=departure.effective_at, leads_return=back
    )
    await record(tx, [fact], now)
    returned = replace(departure, returned_at=now, leads_return=back)
    await tables.store_departure(tx, returned)
    [shown] = await _as_seen(tx, [returned])
    return shown


async def page_departures(
    tx: Tx, user_id: UUID, *, after: tuple[datetime, UUID] | None, limit: int
) -> list[Departure]:
    """A user's departures, newest effect first. Raises NotFound."""
    await org.user_of(tx, user_id)
    return await _as_seen(tx, await tables.page_departures(tx, user_id, after=after, limit=limit))


async def _as_seen(tx: Tx, found: Sequence[Departure]) -> list[Departure]:
    """Without people whom the caller does not see."""
    named = {user for one in found for user in (one.recorded_by, *one.heirs) if user is not None}
    seen = await org.seen_among(tx, named)
    return [one.seen_by(seen) for one in found]
