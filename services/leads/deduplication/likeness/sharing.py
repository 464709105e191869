"""Which other leads a lead may be one with, and why: exact keys, family, companies with names alike."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from uuid import UUID

from services.leads.capture.intake.changes import keys
from services.leads.capture.intake.lead import Lead
from services.leads.capture.intake.use_cases import get_lead, get_leads
from services.leads.deduplication.duplicates.family import leads_naming, relatives_of
from services.leads.deduplication.duplicates.rules import Key
from services.leads.deduplication.duplicates.use_cases import holders_of
from services.leads.deduplication.likeness.tables import OF_LEAD
from services.leads.deduplication.parts.use_cases import parts_of, roots_of
from services.leads.finding.search.rules import exact_term
from services.leads.finding.search.use_cases import leads_with_terms
from shared.database.transactions import Tx

_MOST = 100
"""So many leads with the same keys are looked at, the earliest."""


@dataclass(frozen=True, slots=True)
class Why:
    """`kind`: the key that both have, `family` or `company`; of the latter how much they are alike, in per
    cent, a code, and the pair to decide about.
    """

    kind: str
    likeness: int | None = None
    reason: str | None = None
    suspect_id: UUID | None = None


@dataclass(frozen=True, slots=True)
class Shared:
    """Another lead, and all that speaks for their being one."""

    lead: Lead
    why: tuple[Why, ...]


async def duplicates_of(tx: Tx, tenant_id: UUID, lead_id: UUID) -> list[Shared]:
    """Leads that the caller may see, earliest first; for parts of others those stand. Raises UnknownLead."""
    lead = await get_lead(tx, tenant_id, lead_id)
    found: defaultdict[UUID, list[Why]] = defaultdict(list)
    await _by_keys(tx, lead, found)
    await _by_family(tx, lead, found)
    for row in await tx.connection.fetch(OF_LEAD, tenant_id, lead_id):
        other = row["other_id"] if row["lead_id"] == lead_id else row["lead_id"]
        found[other].append(Why("company", row["likeness"], row["reason"], row["id"]))
    roots = await roots_of(tx, tenant_id, [lead_id, *found])
    by_root: defaultdict[UUID, list[Why]] = defaultdict(list)
    for other, whys in found.items():
        if roots[other] != roots[lead_id]:
            by_root[roots[other]] += whys
    leads = await get_leads(tx, tenant_id, sorted(by_root))
    return [Shared(each, tuple(dict.fromkeys(by_root[each.id]))) for each in leads]


async def _by_keys(tx: Tx, lead: Lead, found: dict[UUID, list[Why]]) -> None:
    """Of the lead and of all that are parts of it."""
    parts = (await parts_of(tx, lead.tenant_id, [lead.id])).get(lead.id, [])
    mine = {key for each in (lead, *await get_leads(tx, lead.tenant_id, parts)) for key in keys(each)}
    terms = [exact_term(lead.tenant_id, key.kind, key.value) for key in sorted(mine)]
    others = [each for each in await leads_with_terms(tx, terms, _MOST) if each != lead.id]
    for other in await get_leads(tx, lead.tenant_id, others):
        found[other.id] += [Why(key.kind) for key in sorted(mine.intersection(keys(other)))]


async def _by_family(tx: Tx, lead: Lead, found: dict[UUID, list[Why]]) -> None:
    named = [each.phone for each in await relatives_of(tx, lead.tenant_id, lead.id) if each.phone]
    theirs = await holders_of(tx, lead.tenant_id, [Key("phone", phone) for phone in named])
    naming = await leads_naming(tx, lead.tenant_id, set(lead.phone_keys))
    for other in {*theirs.values(), *naming.values()} - {lead.id}:
        found[other].append(Why("family"))
