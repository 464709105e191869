"""Putting a lead's timeline together."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Literal
from uuid import UUID

from services.leads.assigning.assignment.use_cases import list_assignments
from services.leads.capture.intake.changed import changes_of
from services.leads.capture.intake.lead import Lead
from services.leads.capture.intake.use_cases import get_leads
from services.leads.deduplication.parts.use_cases import merges_about, parts_of
from services.leads.follow_up.progress.use_cases import passages
from services.leads.follow_up.touches.use_cases import touches_of
from services.leads.pools.pool.entering import entries_of
from services.leads.pools.pool.looking import pooled_lead
from shared.access.principal import Principal
from shared.database.transactions import Tx

Kind = Literal[
    "created",
    "changed",
    "assigned",
    "moved",
    "activity",
    "pooled",
    "merged",
    "absorbed",
    "unmerged",
    "separated",
]


@dataclass(frozen=True, slots=True)
class Entry:
    """One thing that happened to a lead or to a part of it: `lead_id`. What does not belong to its kind is
    None. `duration_s` in seconds.

    `key` tells entries of one moment apart, always in the same way.
    """

    at: datetime
    key: str
    kind: Kind
    lead_id: UUID
    by: UUID | None = None
    owner_id: UUID | None = None
    previous_owner_id: UUID | None = None
    how: str | None = None
    from_stage: str | None = None
    to_stage: str | None = None
    duration_s: int | None = None
    reason: str | None = None
    changed: tuple[str, ...] | None = None
    activity_id: UUID | None = None
    activity_kind: str | None = None
    outcome: str | None = None
    effective: bool | None = None
    pool_id: UUID | None = None
    other_id: UUID | None = None


async def timeline(tx: Tx, who: Principal, lead_id: UUID) -> list[Entry]:
    """All entries of a lead that the caller may see, or that lies in a pool open to them, and of the parts of
    it that they may see, newest first.

    Of what lies in a pool without reasons: what people write there may be what the pool hides.
    Raises UnknownLead.
    """
    found = await get_leads(tx, who.tenant_id, [lead_id])
    lead = found[0] if found else await pooled_lead(tx, who, lead_id)
    parts = (await parts_of(tx, who.tenant_id, [lead_id])).get(lead_id, [])
    entries = await _done(tx, lead)
    for each in (lead, *await get_leads(tx, who.tenant_id, parts)):
        entries += await _entries(tx, each)
    entries.sort(key=lambda entry: (entry.at, entry.key), reverse=True)
    return entries if found else [replace(entry, reason=None) for entry in entries]


async def _entries(tx: Tx, lead: Lead) -> list[Entry]:
    """What happened to this very lead."""
    tenant_id, lead_id = lead.tenant_id, lead.id
    entries = [Entry(lead.started_at, "0", "created", lead_id, by=lead.created_by)]
    entries += [
        Entry(seen.at, f"1{seen.seq:020}", "changed", lead_id, by=seen.changed_by, changed=seen.changed)
        for seen in await changes_of(tx, tenant_id, lead_id)
    ]
    entries += await _assigned(tx, tenant_id, lead_id)
    entries += [
        Entry(
            move.at,
            f"3{move.seq:020}",
            "moved",
            lead_id,
            by=move.moved_by,
            from_stage=move.from_stage,
            to_stage=move.to_stage,
            duration_s=move.duration_s,
            reason=move.reason,
        )
        for move in await passages(tx, tenant_id, lead_id)
    ]
    entries += await _pooled(tx, tenant_id, lead_id)
    entries += await _merged(tx, tenant_id, lead_id)
    return entries


async def _assigned(tx: Tx, tenant_id: UUID, lead_id: UUID) -> list[Entry]:
    return [
        Entry(
            one.at,
            f"2{one.id}",
            "assigned",
            lead_id,
            by=one.assigned_by,
            owner_id=one.owner_id,
            previous_owner_id=one.previous_owner_id,
            how=one.how,
            reason=one.reason,
            pool_id=one.pool_id,
        )
        for one in await list_assignments(tx, tenant_id, lead_id)
        if one.owner_id is not None
    ]


async def _done(tx: Tx, lead: Lead) -> list[Entry]:
    return [
        Entry(
            touch.at,
            f"4{touch.activity_id}",
            "activity",
            touch.lead_id,
            by=touch.rep_id,
            duration_s=touch.duration_s,
            activity_id=touch.activity_id,
            activity_kind=touch.kind,
            outcome=touch.outcome,
            effective=touch.effective,
        )
        for touch in await touches_of(tx, lead.tenant_id, lead.id)
    ]


async def _pooled(tx: Tx, tenant_id: UUID, lead_id: UUID) -> list[Entry]:
    return [
        Entry(
            one.at,
            f"5{one.id}",
            "pooled",
            lead_id,
            by=one.by_id,
            previous_owner_id=one.previous_owner_id,
            how=one.why,
            reason=one.reason,
            pool_id=one.pool_id,
        )
        for one in await entries_of(tx, tenant_id, lead_id)
    ]


async def _merged(tx: Tx, tenant_id: UUID, lead_id: UUID) -> list[Entry]:
    entries = []
    for one in await merges_about(tx, tenant_id, lead_id):
        is_part = one.lead_id == lead_id
        other = one.into_id if is_part else one.lead_id
        done: Kind = "merged" if is_part else "absorbed"
        entries.append(
            Entry(one.at, f"6{one.id}", done, lead_id, by=one.by_id, reason=one.reason, other_id=other)
        )
        if one.undone_at is not None:
            undone: Kind = "unmerged" if is_part else "separated"
            entries.append(
                Entry(one.undone_at, f"7{one.id}", undone, lead_id, by=one.undone_by, other_id=other)
            )
    return entries
