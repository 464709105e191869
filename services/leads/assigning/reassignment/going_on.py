"""A reassignment of many leads, a portion at a time."""

from __future__ import annotations

from datetime import datetime, timedelta
from uuid import UUID

from services.leads.assigning.reassignment.giving import give
from services.leads.assigning.reassignment.planning import Order
from services.leads.assigning.reassignment.rules import NoRules, Why
from services.leads.assigning.reassignment.tables import LOCK
from services.leads.assigning.reassignment.use_cases import (
    AT_ONCE,
    TIMER,
    Reassignment,
    end_early,
    reassignment_of,
    store_progress,
)
from services.leads.capture.custom_fields.rules import FieldInChange
from services.leads.finding.listing.use_cases import find_shown
from services.leads.finding.listing.walking import behind, question_of
from shared.access.freshness import has_changed
from shared.database.transactions import Author, Tx
from shared.errors import Invalid, NotFound
from shared.events.timing.timers import schedule

_ROUTE = "POST /v1/reassignments"
_LATER = timedelta(seconds=10)


async def go_on(tx: Tx, tenant_id: UUID, reassignment_id: UUID, at: datetime) -> None:
    """The next leads that match by now and were there when it was asked for; then it is due again for those
    behind. With the rights of whoever asked: once these have changed, no further lead is given.
    """
    row = await tx.connection.fetchrow(LOCK, tenant_id, reassignment_id)
    if row is None or row["state"] != "running":
        return
    one = reassignment_of(row)
    if await has_changed(tx, one.asker):
        await end_early(tx, one, "rights_changed", at)
        return
    who = one.asker
    with tx.by(Author(who.kind, who.id, who.user_id, at, _ROUTE)):
        why = await _next(tx, one, at)
    if why is not None:
        await end_early(tx, one, why, at)


async def _next(tx: Tx, one: Reassignment, at: datetime) -> Why | None:
    """Why it ends before its time."""
    await tx.on_behalf_of(one.asker.access())
    try:
        found = await _found(tx, one)
    except FieldInChange:
        await schedule(tx, TIMER, one.id, at + _LATER)
        return None
    except (Invalid, NotFound):
        # What the filters name is no longer there, or no longer for them.
        return "filters_outdated"
    # Ids ascend with time: what came later is not of it.
    ids = [lead_id for lead_id in found if lead_id < one.id]
    order = Order(one.asker, one.goal, one.given)
    try:
        outcomes = await give(tx, order, ids, one.id, one.reason, at, asked_at=one.at)
    except NoRules:
        return "no_rules"
    ended = len(ids) < AT_ONCE
    await store_progress(tx, one, outcomes, at, ended=ended)
    if not ended:
        await schedule(tx, TIMER, one.id, at)
    return None


async def _found(tx: Tx, one: Reassignment) -> list[UUID]:
    question = question_of(one.filters, one.view_filters, one.at)
    return await find_shown(tx, one.asker, behind(question, one.after_id, AT_ONCE))
