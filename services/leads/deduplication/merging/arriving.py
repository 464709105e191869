"""New leads that repeat others are merged into them, where the tenant wants it: before they are assigned."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from uuid import UUID

from services.leads.capture.intake.changes import keys
from services.leads.capture.intake.lead import Lead
from services.leads.capture.intake.use_cases import get_leads, lock_leads
from services.leads.deduplication.duplicates.family import leads_naming
from services.leads.deduplication.duplicates.policy import policy_of
from services.leads.deduplication.duplicates.rules import Claim, Key, Policy, repeats_of
from services.leads.deduplication.duplicates.use_cases import hold_keys
from services.leads.deduplication.merging.use_cases import merge_lead
from services.leads.deduplication.parts.use_cases import roots_of
from shared.access.principal import service_principal
from shared.database.transactions import Tx
from shared.errors import CoxError, Unavailable

REASON = "policy of duplicates"


async def merge_repeats(tx: Tx, tenant_id: UUID, lead_ids: Collection[UUID], at: datetime) -> None:
    """Merge those of these new leads that share with an earlier one what the policy wants merged. What may
    not be merged stays as it is, and says what it repeats.
    """
    policy = await policy_of(tx, tenant_id)
    if not policy.merges:
        return
    new = [lead for lead in await get_leads(tx, tenant_id, sorted(lead_ids)) if _stands(lead)]
    into = await _wanted(tx, tenant_id, new, policy)
    if not into:
        return
    merging = [lead for lead in new if lead.id in into]
    # All that is locked is locked before the first is merged, in the house's order.
    firsts = await get_leads(tx, tenant_id, sorted(set(into.values())))
    await hold_keys(tx, tenant_id, merging[0].id, {key for lead in (*merging, *firsts) for key in keys(lead)})
    await lock_leads(tx, tenant_id, [*into, *into.values()])
    for lead in merging:
        await _merge(tx, tenant_id, lead.id, into[lead.id], at)


def _stands(lead: Lead) -> bool:
    return lead.duplicate_of is not None and lead.merged_into is None and lead.erased_at is None


async def _wanted(tx: Tx, tenant_id: UUID, new: Sequence[Lead], policy: Policy) -> Mapping[UUID, UUID]:
    """Which of these is to go into which lead that stands for itself."""
    if not new:
        return {}
    holders = await hold_keys(tx, tenant_id, new[0].id, {key for lead in new for key in keys(lead)})
    phones = {key.value for key in holders if key.kind == "phone"}
    family = await leads_naming(tx, tenant_id, phones) if policy.family == "merge" else {}
    found = {lead.id: _first(lead, holders, family, policy) for lead in new}
    roots = await roots_of(tx, tenant_id, {first for first in found.values() if first})
    return {one: roots[first] for one, first in found.items() if first and roots[first] != one}


def _first(
    lead: Lead, holders: Mapping[Key, UUID], family: Mapping[str, UUID], policy: Policy
) -> UUID | None:
    repeats = repeats_of(Claim(lead.id, keys(lead)), holders, family)
    return next((each.first_id for each in repeats if policy.of(each.kind) == "merge"), None)


async def _merge(tx: Tx, tenant_id: UUID, lead_id: UUID, into: UUID, at: datetime) -> None:
    who = service_principal(tenant_id, tenant_id)
    try:
        async with tx.savepoint():
            await merge_lead(tx, who, lead_id, into, REASON, at, check_version=lambda _: None)
    except Unavailable:
        raise
    except CoxError:
        # It may not be: a deal that was won, or one that is lost. It says what it repeats.
        return
