"""Merging two leads. Locks in the house's order: loads, keys, leads."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from uuid import UUID

from services.leads.assigning.workload.use_cases import lock_loads, shift_loads
from services.leads.capture.custom_fields.use_cases import schema_of
from services.leads.capture.intake.changes import ChangedMeanwhile, changed_names, keys, store_fields
from services.leads.capture.intake.joined import store_joined
from services.leads.capture.intake.lead import Lead
from services.leads.capture.intake.use_cases import get_lead, living, lock_leads
from services.leads.deduplication.duplicates.use_cases import hold_keys
from services.leads.deduplication.merging.rules import Taken, check_merge, taken_over
from services.leads.deduplication.parts.use_cases import Merge, below, parts_of, store_merge
from services.leads.follow_up.first_response.use_cases import heed
from services.leads.pools.recycling.use_cases import plan_leads
from shared.access.directory import credit_of, tenant_of
from shared.access.principal import Principal
from shared.database.transactions import Tx
from shared.ids import new_id

Check = Callable[[int], None]


async def merge_lead(
    tx: Tx,
    who: Principal,
    lead_id: UUID,
    into: UUID,
    reason: str | None,
    at: datetime,
    *,
    check_version: Check,
) -> Lead:
    """Make a lead a part of another, which takes over what it lacks; the former as it is then.

    Raises UnknownLead, LeadErased, LeadMerged, what `check_merge` raises, ChangedMeanwhile, KeyMissing, and
    what `check_version` raises.
    """
    one = await get_lead(tx, who.tenant_id, lead_id)
    check_version(one.version)
    other = await get_lead(tx, who.tenant_id, into)
    brought = await below(tx, who.tenant_id, one.id)
    there = (await parts_of(tx, who.tenant_id, [other.id])).get(other.id, [])
    living(one)
    living(other)
    check_merge(one, other, len(brought) + len(there) + 2, only_own=who.visibility == "own")
    in_hand = [one.owner_id] if one.owner_id and one.status == "open" else []
    await lock_loads(tx, who.tenant_id, in_hand)
    new, taken = taken_over(other, one)
    if keys(new) != keys(other):
        await hold_keys(tx, who.tenant_id, other.id, {*keys(other), *keys(new)})
    await lock_both(tx, one, other)
    gone = await _join(tx, who, one, other, new, taken, brought, reason, at)
    await shift_loads(tx, who.tenant_id, dict.fromkeys(in_hand, -1))
    await plan_leads(tx, who.tenant_id, [one.id, other.id])
    # What was done for the one may be the first response of the other.
    await heed(tx, [(who.tenant_id, other.id)], at)
    return gone


async def lock_both(tx: Tx, one: Lead, other: Lead) -> None:
    """Two leads as they were read, locked. From here on the transaction sees the whole tenant.

    All that decides about a merge raises the version of one of them: so there is never a circle.
    Raises ChangedMeanwhile.
    """
    await tx.as_tenant()
    locked = await lock_leads(tx, one.tenant_id, [one.id, other.id])
    if any(locked[lead.id].version != lead.version for lead in (one, other)):
        raise ChangedMeanwhile


async def _join(
    tx: Tx,
    who: Principal,
    one: Lead,
    other: Lead,
    new: Lead,
    taken: Taken,
    brought: Sequence[UUID],
    reason: str | None,
    at: datetime,
) -> Lead:
    credit = await credit_of(tx, one.owner_id), await credit_of(tx, other.owner_id)
    if new.duplicate_of in {one.id, *brought}:
        new = new._replace(duplicate_of=None)
    stored = await store_taken_over(tx, who.user_id, other, new, at)
    gone, _ = await store_joined(tx, one, stored, credit, brought, at)
    merge = Merge(
        id=new_id(),
        lead_id=one.id,
        into_id=other.id,
        root_id=other.id,
        at=at,
        by_id=who.user_id,
        reason=reason,
        owner_id=one.owner_id,
        pool_id=one.pool_id,
        pooled_at=one.pooled_at,
        taken=taken.told(),
        taken_seq=stored.version if stored.version != other.version else None,
    )
    await store_merge(tx, who.tenant_id, merge, brought)
    return gone


async def store_taken_over(tx: Tx, user_id: UUID | None, old: Lead, new: Lead, at: datetime) -> Lead:
    """The fields of a locked lead as they are by a merge, or by its undoing."""
    names = changed_names(old, new)
    if not names:
        return new
    currency = (await tenant_of(tx)).currency
    schema = await schema_of(tx, old.tenant_id)
    return await store_fields(tx, currency, schema, user_id, old, new, names, at)
