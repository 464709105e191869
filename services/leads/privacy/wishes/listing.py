"""Keeping the list of whom nobody contacts; `do_not_contact` marks their leads."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from uuid import UUID

import asyncpg

from services.leads.deduplication.duplicates.rules import Key
from services.leads.privacy.wishes.rules import Entry, digest_of, digests_of
from services.leads.privacy.wishes.tables import (
    ADD,
    ANYBODY,
    FORGET_SHOWN,
    LISTED,
    OF_DIGESTS,
    PAGE,
    REMOVE,
    REMOVE_UNTIL,
    SOUGHT,
    TENANTS_WITH_LIST,
)
from shared.database.transactions import Tx
from shared.errors import NotFound


class NotListed(NotFound):
    code = "not_listed"
    title = "That is not on the do-not-contact list"


async def add_entry(tx: Tx, tenant_id: UUID, entry: Entry, key: Key, term: int) -> bool:
    """Whether it is new; who is there already stays as they are, but for the moment if it is later.

    `term` is what the search index has for the key.
    """
    told = (entry.id, entry.kind, entry.shown, entry.reason, entry.lead_id, entry.at, entry.by_id)
    digest = digest_of(tenant_id, key)
    return bool(await tx.connection.fetchval(ADD, tenant_id, *told, digest, term))


async def entries_of(tx: Tx, tenant_id: UUID, person: Iterable[Key]) -> list[Entry]:
    """Those entries that name one of these."""
    rows = await tx.connection.fetch(OF_DIGESTS, tenant_id, digests_of(tenant_id, person))
    return [_entry(row) for row in rows]


async def list_entries(tx: Tx, tenant_id: UUID, after: UUID | None, limit: int) -> list[Entry]:
    """A page of the list, the latest first."""
    return [_entry(row) for row in await tx.connection.fetch(PAGE, tenant_id, after, limit)]


async def remove_entry(tx: Tx, tenant_id: UUID, entry_id: UUID) -> None:
    """Leads that were marked stay so until somebody says otherwise of each. Raises NotListed."""
    if not await tx.connection.fetchval(REMOVE, tenant_id, entry_id):
        raise NotListed(f"there is no entry {entry_id}")


async def names_anybody(tx: Tx, tenant_id: UUID) -> bool:
    return bool(await tx.connection.fetchval(ANYBODY, tenant_id))


async def listed_among(tx: Tx, tenant_id: UUID, digests: Iterable[bytes]) -> set[bytes]:
    """Those that are on the list."""
    rows = await tx.connection.fetch(LISTED, tenant_id, sorted(digests))
    return {row["digest"] for row in rows}


async def sought(tx: Tx, tenant_id: UUID, entry_id: UUID) -> tuple[bytes, int] | None:
    """By what the leads of an entry are known: its digest, and the search index's term; None: it is gone."""
    row = await tx.connection.fetchrow(SOUGHT, tenant_id, entry_id)
    return None if row is None else (row["digest"], row["term"])


async def tenants_with_list(tx: Tx, tenant_ids: Sequence[UUID]) -> list[UUID]:
    """Those of the tenants whose list names anybody: for who sees every tenant."""
    return [row["tenant_id"] for row in await tx.connection.fetch(TENANTS_WITH_LIST, tenant_ids)]


async def unlist(tx: Tx, tenant_id: UUID, person: Iterable[Key], at: datetime) -> bool:
    """They agreed at that moment to be contacted again. False: they have come onto the list since, perhaps by
    another lead of theirs, and stay.
    """
    theirs = digests_of(tenant_id, person)
    await remove_until(tx, tenant_id, [(digest, at) for digest in theirs])
    return not await listed_among(tx, tenant_id, theirs)


async def remove_until(tx: Tx, tenant_id: UUID, agreed: Sequence[tuple[bytes, datetime]]) -> None:
    """Who came onto the list before they agreed comes off it; `agreed`: digests, each with its moment."""
    if agreed:
        digests, moments = zip(*agreed, strict=True)
        await tx.connection.execute(REMOVE_UNTIL, tenant_id, digests, moments)


async def forget(tx: Tx, tenant_id: UUID, lead_ids: Sequence[UUID]) -> None:
    """Erase what tells of the people of these leads; the list goes on to know them by their digests."""
    await tx.connection.execute(FORGET_SHOWN, tenant_id, list(lead_ids))


def _entry(row: asyncpg.Record) -> Entry:
    return Entry(**dict(row.items()))
