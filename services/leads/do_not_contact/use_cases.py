"""Putting people on the list, taking them off, and marking their leads."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import asyncpg

from services.leads.do_not_contact.rules import Entry, Reason, digest_of, personal, shown
from services.leads.do_not_contact.tables import (
    ADD,
    ANYBODY,
    FORGET,
    LISTED,
    OF_DIGESTS,
    PAGE,
    REMOVE,
    REMOVE_UNTIL,
    SOUGHT,
    TENANTS_WITH_LIST,
)
from services.leads.duplicates.rules import Key
from services.leads.intake.changes import keys, update_lead
from services.leads.intake.lead import Lead
from services.leads.intake.use_cases import get_leads
from services.leads.search.rules import exact_term
from services.leads.search.use_cases import leads_with_terms
from shared.database.transactions import Tx
from shared.errors import NotFound
from shared.events.timing.timers import forget as forget_timer
from shared.events.timing.timers import schedule
from shared.ids import new_id

TIMER = "leads.do_not_contact"
AT_ONCE = 50
"""So many leads of one person are marked in one transaction."""


class NotListed(NotFound):
    code = "not_listed"
    title = "That is not on the do-not-contact list"


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
        entry_id, term = new_id(), exact_term(tenant_id, key.kind, key.value)
        told = (entry_id, key.kind, shown(key), reason, lead_id, at, by_id)
        if await tx.connection.fetchval(ADD, tenant_id, *told, digest_of(tenant_id, key), term):
            # After this commit, so that no lead slips through that is created at the same moment: either
            # the timer finds it, or whoever heeds its creation finds the entry.
            await schedule(tx, TIMER, entry_id, at)
    return await entries_of(tx, tenant_id, wanted)


async def entries_of(tx: Tx, tenant_id: UUID, person: Iterable[Key]) -> list[Entry]:
    """Those entries that name one of these."""
    rows = await tx.connection.fetch(OF_DIGESTS, tenant_id, _digests(tenant_id, person))
    return [_entry(row) for row in rows]


async def tenants_with_list(tx: Tx, tenant_ids: Sequence[UUID]) -> list[UUID]:
    """Those of the tenants whose list names anybody: for who sees every tenant."""
    return [row["tenant_id"] for row in await tx.connection.fetch(TENANTS_WITH_LIST, tenant_ids)]


async def list_entries(tx: Tx, tenant_id: UUID, after: UUID | None, limit: int) -> list[Entry]:
    """A page of the list, the latest first."""
    return [_entry(row) for row in await tx.connection.fetch(PAGE, tenant_id, after, limit)]


async def remove_entry(tx: Tx, tenant_id: UUID, entry_id: UUID) -> None:
    """Leads that were marked stay so until somebody says otherwise of each. Raises NotListed."""
    if not await tx.connection.fetchval(REMOVE, tenant_id, entry_id):
        raise NotListed(f"there is no entry {entry_id}")


async def unlist(tx: Tx, tenant_id: UUID, person: Iterable[Key], at: datetime) -> bool:
    """They agreed at that moment to be contacted again. False: they have come onto the list since, perhaps by
    another lead of theirs, and stay.
    """
    theirs = _digests(tenant_id, person)
    await tx.connection.execute(REMOVE_UNTIL, tenant_id, theirs, at)
    return not await tx.connection.fetch(LISTED, tenant_id, theirs)


async def heed_list(tx: Tx, tenant_id: UUID, lead_ids: Collection[UUID], at: datetime) -> None:
    """Mark those of the leads whose person is on the list."""
    if not lead_ids or not await tx.connection.fetchval(ANYBODY, tenant_id):
        return
    leads = await get_leads(tx, tenant_id, sorted(lead_ids))
    known = {lead.id: set(_digests(tenant_id, keys(lead))) for lead in leads if _may_be_marked(lead)}
    asked = sorted(set().union(*known.values()))
    listed = {row["digest"] for row in await tx.connection.fetch(LISTED, tenant_id, asked)}
    await _mark(tx, tenant_id, [lead_id for lead_id, theirs in known.items() if theirs & listed], at)


async def mark_leads_of(
    tx: Tx, tenant_id: UUID, entry_id: UUID, payload: Mapping[str, Any], at: datetime
) -> None:
    """The next AT_ONCE leads of an entry; then it is due again for those behind."""
    entry = await tx.connection.fetchrow(SOUGHT, tenant_id, entry_id)
    after = UUID(payload["after"]) if "after" in payload else None
    if entry is None:
        return
    ids = await leads_with_terms(tx, [entry["term"]], AT_ONCE, after=after)
    leads = await get_leads(tx, tenant_id, ids)
    # A term is not as exact as a digest.
    theirs = [lead for lead in leads if entry["digest"] in _digests(tenant_id, keys(lead))]
    await _mark(tx, tenant_id, [lead.id for lead in theirs if _may_be_marked(lead)], at)
    if len(ids) == AT_ONCE:
        await schedule(tx, TIMER, entry_id, at, {"after": str(ids[-1])})
    else:
        await forget_timer(tx, TIMER, entry_id)


async def forget(tx: Tx, tenant_id: UUID, lead_ids: Sequence[UUID]) -> None:
    """Erase what tells of the people of these leads; the list goes on to know them by their digests."""
    await tx.connection.execute(FORGET, tenant_id, list(lead_ids))


def _may_be_marked(lead: Lead) -> bool:
    return not lead.do_not_contact and lead.merged_into is None and lead.erased_at is None


async def _mark(tx: Tx, tenant_id: UUID, lead_ids: Sequence[UUID], at: datetime) -> None:
    for lead_id in lead_ids:
        await update_lead(
            tx, tenant_id, None, lead_id, {"do_not_contact": True}, at, check_version=lambda _: None
        )


def _digests(tenant_id: UUID, person: Iterable[Key]) -> list[bytes]:
    return [digest_of(tenant_id, key) for key in personal(person)]


def _entry(row: asyncpg.Record) -> Entry:
    return Entry(**dict(row.items()))
