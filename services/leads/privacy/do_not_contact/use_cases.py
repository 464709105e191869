"""Putting people on the list, taking them off, and marking their leads."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from services.leads.capture.intake.changes import keys, update_lead
from services.leads.capture.intake.lead import Lead
from services.leads.capture.intake.use_cases import get_leads
from services.leads.deduplication.duplicates.rules import Key
from services.leads.finding.search.rules import exact_term
from services.leads.finding.search.use_cases import leads_with_terms
from services.leads.privacy.do_not_contact.rules import shown
from services.leads.privacy.wishes.listing import add_entry, entries_of, listed_among, names_anybody, sought
from services.leads.privacy.wishes.rules import Entry, Kind, Reason, digests_of, personal
from shared.database.transactions import Tx
from shared.events.timing.timers import forget as forget_timer
from shared.events.timing.timers import schedule
from shared.ids import new_id

TIMER = "leads.do_not_contact"
AT_ONCE = 50
"""So many leads of one person are marked in one transaction."""


async def list_people(
    tx: Tx, tenant_id: UUID, person: Iterable[Key], reason: Reason, by_id: UUID | None, lead_id: UUID | None,
    at: datetime,
) -> list[Entry]:  # fmt: skip
    """Put everything that somebody is contacted by on the list, where they said so at a moment `at`; who is
    there already stays as they are, but for the moment if it is later.

    Leads that have it are marked a moment later. Answers their entries.
    """
    wanted = personal(person)
    for key in wanted:
        kind: Kind = "email" if key.kind == "email" else "phone"
        entry = Entry(new_id(), kind, shown(key), reason, lead_id, at, by_id)
        if await add_entry(tx, tenant_id, entry, key, exact_term(tenant_id, key.kind, key.value)):
            # After this commit, so that no lead slips through that is created at the same moment: either
            # the timer finds it, or whoever heeds its creation finds the entry.
            await schedule(tx, TIMER, entry.id, at)
    return await entries_of(tx, tenant_id, wanted)


async def heed_list(tx: Tx, tenant_id: UUID, lead_ids: Collection[UUID], at: datetime) -> None:
    """Mark those of the leads whose person is on the list."""
    if not lead_ids or not await names_anybody(tx, tenant_id):
        return
    leads = await get_leads(tx, tenant_id, sorted(lead_ids))
    known = {lead.id: set(digests_of(tenant_id, keys(lead))) for lead in leads if _may_be_marked(lead)}
    listed = await listed_among(tx, tenant_id, set().union(*known.values()))
    await _mark(tx, tenant_id, [lead_id for lead_id, theirs in known.items() if theirs & listed], at)


async def mark_leads_of(
    tx: Tx, tenant_id: UUID, entry_id: UUID, payload: Mapping[str, Any], at: datetime
) -> None:
    """The next AT_ONCE leads of an entry; then it is due again for those behind."""
    entry = await sought(tx, tenant_id, entry_id)
    after = UUID(payload["after"]) if "after" in payload else None
    if entry is None:
        return
    digest, term = entry
    ids = await leads_with_terms(tx, [term], AT_ONCE, after=after)
    leads = await get_leads(tx, tenant_id, ids)
    # A term is not as exact as a digest.
    theirs = [lead for lead in leads if digest in digests_of(tenant_id, keys(lead))]
    await _mark(tx, tenant_id, [lead.id for lead in theirs if _may_be_marked(lead)], at)
    if len(ids) == AT_ONCE:
        await schedule(tx, TIMER, entry_id, at, {"after": str(ids[-1])})
    else:
        await forget_timer(tx, TIMER, entry_id)


def _may_be_marked(lead: Lead) -> bool:
    return not lead.do_not_contact and lead.merged_into is None and lead.erased_at is None


async def _mark(tx: Tx, tenant_id: UUID, lead_ids: Sequence[UUID], at: datetime) -> None:
    for lead_id in lead_ids:
        await update_lead(
            tx, tenant_id, None, lead_id, {"do_not_contact": True}, at, check_version=lambda _: None
        )
