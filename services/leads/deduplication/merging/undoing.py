"""Undoing a merge, whatever has happened to both leads since. Locks in the house's order: the pool, loads,
keys, leads.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

from services.leads.assigning.assignment.use_cases import assignment_row, store_assignments
from services.leads.assigning.workload.use_cases import lock_loads, shift_loads
from services.leads.capture.intake.changed import changes_of
from services.leads.capture.intake.changes import keys, release_keys, repeated_by
from services.leads.capture.intake.joined import store_separated
from services.leads.capture.intake.lead import Lead
from services.leads.capture.intake.use_cases import get_lead, get_leads, known
from services.leads.deduplication.duplicates.rules import Key
from services.leads.deduplication.duplicates.use_cases import hold_keys
from services.leads.deduplication.merging.rules import MergedFurther, NotMerged, Part, Taken, given_back
from services.leads.deduplication.merging.use_cases import Check, lock_both, store_taken_over
from services.leads.deduplication.parts.use_cases import (
    Merge,
    below,
    merge_of,
    merged_into,
    merges_about,
    store_taken,
    store_undone,
)
from services.leads.follow_up.first_response.starting import start_clocks
from services.leads.pools.pool.definitions import hold_pool
from services.leads.pools.pool.rules import kind_for
from services.leads.pools.recycling.use_cases import plan_leads
from shared.access.directory import credit_of, people
from shared.access.principal import Principal
from shared.contracts.base import Credit
from shared.database.transactions import Tx

REASON = "a merge was undone"


@dataclass(frozen=True, slots=True)
class _Undoing:
    """Both leads, locked; `brought` goes along with the one, `stay` are the other parts of the other."""

    merge: Merge
    one: Lead
    other: Lead
    brought: Sequence[UUID]
    stay: Sequence[Merge]
    holders: Mapping[Key, UUID]


async def unmerge_lead(tx: Tx, who: Principal, lead_id: UUID, at: datetime, *, check_version: Check) -> Lead:
    """Make a part a lead of its own again, with its own parts: in the hands of its owner before, if they are
    still there, or in its pool, or else for the rules to assign. The other one gives back what it took over.

    Raises UnknownLead, LeadErased, NotMerged, MergedFurther, ChangedMeanwhile, KeyMissing, and what
    `check_version` raises.
    """
    tenant_id = who.tenant_id
    one = await get_lead(tx, tenant_id, lead_id)
    check_version(one.version)
    merge = await merge_of(tx, tenant_id, lead_id)
    if merge is None:
        raise NotMerged
    other = await get_lead(tx, tenant_id, merge.into_id)
    known(one)
    known(other)
    if other.merged_into is not None:
        raise MergedFurther(f"undo the merge of {other.id} into {other.merged_into} first")
    back = await _placed(tx, one, merge)
    in_hand = [back.owner_id] if back.owner_id and back.status == "open" else []
    await lock_loads(tx, tenant_id, in_hand)
    brought = await below(tx, tenant_id, lead_id)
    stay = [each for each in await merged_into(tx, tenant_id, other.id) if each.id != merge.id]
    holders = await hold_keys(tx, tenant_id, one.id, {*keys(one), *keys(other)})
    await lock_both(tx, one, other)
    now = _Undoing(merge, one, other, brought, stay, holders)
    unmerged = await _separate(tx, who, now, back, at)
    await _assign_again(tx, who, unmerged, at)
    await shift_loads(tx, tenant_id, dict.fromkeys(in_hand, 1))
    await plan_leads(tx, tenant_id, [one.id, other.id])
    await start_clocks(tx, tenant_id, [one.id], at)
    return unmerged


async def _placed(tx: Tx, one: Lead, merge: Merge) -> Lead:
    """The lead where it was before, as far as that is still there; the pool is locked."""
    if merge.pooled_at is not None and merge.pool_id is not None:
        pool = await hold_pool(tx, one.tenant_id, merge.pool_id)
        if pool.active and pool.kind == kind_for(one.status):
            return one._replace(merged_into=None, pooled_at=merge.pooled_at)
    person = (await people(tx, [merge.owner_id])).get(merge.owner_id) if merge.owner_id else None
    if merge.owner_id is None or person is None or not person.active:
        return one._replace(merged_into=None)
    team = (await credit_of(tx, merge.owner_id)).team_id
    return one._replace(merged_into=None, owner_id=merge.owner_id, team_id=team)


async def _separate(tx: Tx, who: Principal, now: _Undoing, back: Lead, at: datetime) -> Lead:
    other, tenant_id = now.other, who.tenant_id
    less, takens = await _given_back(tx, now)
    credit = await _credit(tx, back), await _credit(tx, other)
    stored = await store_taken_over(tx, who.user_id, other, less, at)
    merge = replace(now.merge, given_seq=stored.version if stored.version != other.version else None)
    await store_undone(tx, tenant_id, merge, at, who.user_id, now.brought)
    for each, taken in zip(now.stay, takens, strict=True):
        await store_taken(tx, tenant_id, each.id, taken.told(), stored.version)
    # Now it is no part any more: it may be the one that the other repeats.
    mine = {key: now.holders[key] for key in keys(stored)}
    repeated = other.duplicate_of or await repeated_by(tx, stored, mine)
    unmerged, _ = await store_separated(
        tx, back, stored._replace(duplicate_of=repeated), credit, now.brought, at
    )
    await release_keys(tx, tenant_id, other, stored, now.holders)
    return unmerged


async def _credit(tx: Tx, lead: Lead) -> Credit:
    return await credit_of(tx, lead.owner_id)


async def _given_back(tx: Tx, now: _Undoing) -> tuple[Lead, list[Taken]]:
    tenant_id, other = now.one.tenant_id, now.other
    leads = {lead.id: lead for lead in await get_leads(tx, tenant_id, [each.lead_id for each in now.stay])}
    parts = [Part(leads[each.lead_id], Taken.of(each.taken)) for each in now.stay]
    changed = await _changed_by_people(tx, now)
    mine = Part(now.one, Taken.of(now.merge.taken))
    return given_back(other, mine, parts, changed, _is_known)


async def _changed_by_people(tx: Tx, now: _Undoing) -> set[str]:
    """The other's fields that were changed since, otherwise than by merging and undoing."""
    if now.merge.taken_seq is None:
        return set()
    of_merges = {
        seq
        for each in await merges_about(tx, now.one.tenant_id, now.other.id)
        if each.into_id == now.other.id
        for seq in (each.taken_seq, each.given_seq)
    }
    changes = await changes_of(tx, now.one.tenant_id, now.other.id)
    later = (each for each in changes if each.seq > now.merge.taken_seq and each.seq not in of_merges)
    return {name for each in later for name in each.changed}


def _is_known(lead: Lead) -> bool:
    return bool(lead.name or lead.company or lead.phone or lead.email)


async def _assign_again(tx: Tx, who: Principal, lead: Lead, at: datetime) -> None:
    """Its owner has it anew: terms and clocks begin now. It is no new assignment, and counts as none."""
    if lead.owner_id is not None:
        before = lead._replace(owner_id=None, pooled_at=None)
        row = assignment_row(before, "manual", lead.owner_id, at, assigned_by=who.user_id, reason=REASON)
        await store_assignments(tx, [row])
