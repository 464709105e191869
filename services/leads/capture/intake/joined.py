"""Leads become parts of others, and leads of their own again: their rows, and what is recorded of both."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import orjson

from services.leads.capture.intake.lead import Lead
from services.leads.capture.intake.tables import JOIN, REPEATS, SEPARATE
from services.leads.capture.intake.use_cases import record_lead_events
from shared.contracts.base import Credit, Dimensions
from shared.contracts.leads import LeadAbsorbed, LeadCreated, LeadMerged, LeadSeparated, LeadUnmerged, Start
from shared.database.transactions import Tx
from shared.events.journal import NewEvent, first_event


async def store_joined(
    tx: Tx, one: Lead, other: Lead, credit: tuple[Credit, Credit], brought: Sequence[UUID], at: datetime
) -> tuple[Lead, Lead]:
    """The one is a part of the other from now on, with all that it brought; it is in nobody's hands.

    Both are locked, and the transaction sees the whole tenant; `credit` is that of their owners.
    """
    await tx.connection.execute(JOIN, one.tenant_id, one.id, other.id, at)
    await _store_repeats(tx, other)
    merged = LeadMerged(
        credit=credit[0],
        dimensions=one.dimensions,
        into=other.id,
        start=await _start(tx, one),
        previous_owner_id=one.owner_id,
    )
    absorbed = LeadAbsorbed(credit=credit[1], dimensions=other.dimensions, lead_ids=(one.id, *brought))
    gone = one._replace(owner_id=None, team_id=None, pooled_at=None, merged_into=other.id, updated_at=at)
    return await _recorded(tx, (gone, other), (merged, absorbed), at)


async def store_separated(
    tx: Tx, one: Lead, other: Lead, credit: tuple[Credit, Credit], brought: Sequence[UUID], at: datetime
) -> tuple[Lead, Lead]:
    """The one is a lead of its own again, in the hands or the pool that it has here; see `store_joined`."""
    pooled = None if one.pooled_at is None else one.pool_id
    values = (one.owner_id, one.team_id, one.pooled_at, at)
    await tx.connection.execute(SEPARATE, one.tenant_id, one.id, *values)
    await _store_repeats(tx, other)
    unmerged = LeadUnmerged(
        credit=credit[0],
        dimensions=one.dimensions,
        out_of=other.id,
        start=await _start(tx, one),
        pool_id=pooled,
    )
    separated = LeadSeparated(credit=credit[1], dimensions=other.dimensions, lead_ids=(one.id, *brought))
    return await _recorded(tx, (one._replace(updated_at=at), other), (unmerged, separated), at)


async def _store_repeats(tx: Tx, lead: Lead) -> None:
    await tx.connection.execute(REPEATS, lead.tenant_id, lead.id, lead.duplicate_of)


async def _start(tx: Tx, lead: Lead) -> Start | None:
    """What is counted of a lead that starts; None: nobody knows any more."""
    row = await first_event(tx, lead.id)
    if row is None or row["type"] != LeadCreated.type_name():
        return None
    said = orjson.loads(row["payload"])
    return Start(
        event_id=row["event_id"],
        at=row["occurred_at"],
        credit=Credit.model_validate(said["credit"]),
        dimensions=Dimensions.model_validate(said["dimensions"]),
    )


async def _recorded(
    tx: Tx,
    leads: tuple[Lead, Lead],
    events: tuple[LeadMerged | LeadUnmerged, LeadAbsorbed | LeadSeparated],
    at: datetime,
) -> tuple[Lead, Lead]:
    told = [NewEvent(lead.id, event, at) for lead, event in zip(leads, events, strict=True)]
    first, second = await record_lead_events(tx, told)
    return leads[0]._replace(seq=first.seq), leads[1]._replace(seq=second.seq)
