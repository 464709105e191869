"""Filing a lead as invalid, and deciding about it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from uuid import UUID

import asyncpg

from services.leads.assigning.assignment.turns import give_turn_back
from services.leads.assigning.assignment.use_cases import OwnerChanged, owned_since
from services.leads.assigning.returns.rules import (
    FiledBefore,
    Filing,
    Invalidity,
    NothingFiled,
    State,
    check_decision,
    check_filing,
    check_in_hand,
)
from services.leads.assigning.returns.tables import DECIDE, FILE, FILED, FORGET, LOCK_FILED, OF_LEAD
from services.leads.assigning.returns.waiting import await_decision, deadline_of
from services.leads.capture.intake.lead import Lead
from services.leads.capture.intake.use_cases import get_lead, lock_lead
from services.leads.pools.pool.use_cases import release_lead
from shared.access.principal import Principal
from shared.database.transactions import Tx


async def file_invalid(
    tx: Tx, who: Principal, lead_id: UUID, reason: Invalidity, note: str | None, at: datetime
) -> Filing:
    """The owner says that a lead is invalid; it stays theirs until somebody decides.

    Raises UnknownLead, NotTheOwner, NotOpen, FiledTooLate, FiledBefore.
    """
    lead = await lock_lead(tx, who.tenant_id, lead_id)
    since = check_filing(lead.owner_id, who.user_id, lead.status, await _since(tx, lead), at)
    deadline = await deadline_of(tx, who.tenant_id, lead.owner_id, at) if lead.owner_id else None
    dates = (deadline.warn_at, deadline.due_at, deadline.escalate_to) if deadline else (None, None, None)
    values = (who.tenant_id, lead_id, lead.owner_id, since, at, reason, note, *dates)
    if not await tx.connection.fetchval(FILE, *values):
        raise FiledBefore
    if deadline is not None:
        await await_decision(tx, lead_id, deadline)
    made = await filings_of(tx, who.tenant_id, lead_id)
    return next(one for one in made if (one.owner_id, one.assigned_at) == (lead.owner_id, since))


async def filings_of(tx: Tx, tenant_id: UUID, lead_id: UUID) -> list[Filing]:
    """Every one of a lead, oldest first. Raises UnknownLead."""
    await get_lead(tx, tenant_id, lead_id)
    return [_filing(row) for row in await tx.connection.fetch(OF_LEAD, tenant_id, lead_id)]


async def filed(tx: Tx, tenant_id: UUID) -> list[Filing]:
    """Those that wait for a decision, of leads that the caller sees, the oldest first."""
    return [_filing(row) for row in await tx.connection.fetch(FILED, tenant_id)]


async def approve(
    tx: Tx, who: Principal, lead_id: UUID, pool_id: UUID | None, note: str | None, at: datetime
) -> Filing:
    """The lead goes into the pool named, else the one it came from, else the default one; the turn that
    brought it comes back. Locks in the house's order: turns, pool, loads, leads.

    Raises UnknownLead, NothingFiled, DecisionNotAllowed, FilingOutdated, UnknownPool, PoolInactive,
    WhichPool, OwnerChanged.
    """
    seen = await get_lead(tx, who.tenant_id, lead_id)
    filing = await _to_decide(tx, who, lead_id)
    check_in_hand(filing, seen.owner_id, await _since(tx, seen), seen.status)
    back = await give_turn_back(tx, who.tenant_id, lead_id, filing.owner_id, filing.assigned_at)

    def still_so(version: int) -> None:
        if version != seen.version:
            raise OwnerChanged

    done = await _decide(tx, who, filing, "approved", note, at, turn_returned=back)
    await release_lead(tx, who, lead_id, pool_id, f"invalid: {filing.reason}", at, check_version=still_so)
    return done


async def refuse(tx: Tx, who: Principal, lead_id: UUID, note: str | None, at: datetime) -> Filing:
    """The owner keeps the lead. Raises UnknownLead, LeadErased, NothingFiled, DecisionNotAllowed."""
    await get_lead(tx, who.tenant_id, lead_id)
    filing = await _to_decide(tx, who, lead_id)
    await lock_lead(tx, who.tenant_id, lead_id)
    return await _decide(tx, who, filing, "refused", note, at, turn_returned=False)


async def _to_decide(tx: Tx, who: Principal, lead_id: UUID) -> Filing:
    row = await tx.connection.fetchrow(LOCK_FILED, who.tenant_id, lead_id)
    if row is None:
        raise NothingFiled
    filing = _filing(row)
    check_decision(filing, who.visibility, who.user_id)
    return filing


async def _decide(
    tx: Tx,
    who: Principal,
    filing: Filing,
    state: State,
    note: str | None,
    at: datetime,
    *,
    turn_returned: bool,
) -> Filing:
    await tx.connection.execute(DECIDE, *filing.key, state, at, who.user_id, note, turn_returned)
    return replace(
        filing,
        state=state,
        decided_at=at,
        decided_by=who.user_id,
        decision_note=note,
        turn_returned=turn_returned,
    )


async def _since(tx: Tx, lead: Lead) -> datetime | None:
    return (await owned_since(tx, lead.tenant_id, [lead.id])).get(lead.id)


def _filing(row: asyncpg.Record) -> Filing:
    return Filing(**dict(row.items()))


async def forget(tx: Tx, tenant_id: UUID, lead_ids: Sequence[UUID]) -> None:
    """What people wrote about why these leads are invalid, or are not."""
    await tx.connection.execute(FORGET, tenant_id, list(lead_ids))
