"""Saying on what ground data from a source is held, and what people are told."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import replace
from datetime import datetime
from uuid import UUID

import asyncpg

from services.leads.privacy.wishes.rules import Basis, Notice
from services.leads.privacy.wishes.tables import (
    ADD_NOTICE,
    ADD_VERSION,
    ALL_NOTICES,
    HELD,
    LAST_VERSIONS,
    LOCK_NOTICE,
    VERSIONS,
    notices,
)
from shared.contracts.privacy import NoticeDefined
from shared.database.transactions import Tx
from shared.errors import Conflict, FieldError, NotFound
from shared.events.journal import NewEvent, record_events


class UnknownNotice(NotFound):
    code = "unknown_notice"
    title = "There is no such notice"


class NoticeThere(Conflict):
    code = "notice_there"
    title = "The source has a notice already; change that one"


async def list_notices(tx: Tx, tenant_id: UUID) -> list[Notice]:
    """All as they hold now, the oldest first."""
    return [_notice(row) for row in await tx.connection.fetch(ALL_NOTICES, tenant_id)]


async def versions_of(tx: Tx, tenant_id: UUID, notice_id: UUID) -> list[Notice]:
    """Every wording that it had, the first one first. Raises UnknownNotice."""
    found = [_notice(row) for row in await tx.connection.fetch(VERSIONS, tenant_id, notice_id)]
    if not found:
        raise UnknownNotice(f"there is no notice {notice_id}")
    return found


async def last_versions(tx: Tx, tenant_id: UUID, notice_ids: Collection[UUID]) -> dict[UUID, int]:
    """The version that each has now; those that are not there are left out."""
    rows = await tx.connection.fetch(LAST_VERSIONS, tenant_id, sorted(notice_ids))
    return {row["id"]: row["seq"] for row in rows}


async def notice_for(tx: Tx, tenant_id: UUID, source: str | None, at: datetime) -> Notice | None:
    """What held then for leads of a source; where nothing did yet, what was said first."""
    row = await tx.connection.fetchrow(HELD, tenant_id, source, at)
    return None if row is None else _notice(row)


async def create_notice(tx: Tx, tenant_id: UUID, notice: Notice, by_id: UUID | None) -> Notice:
    """Raises NoticeThere."""
    if not await tx.connection.fetchval(ADD_NOTICE, tenant_id, notice.id, notice.source):
        raise NoticeThere(errors=[FieldError("/source", NoticeThere.code, NoticeThere.title)])
    await _store(tx, tenant_id, notice, by_id)
    await record_events(tx, notices, [NewEvent(notice.id, _event(notice), notice.at)], created=True)
    return notice


async def change_notice(
    tx: Tx,
    tenant_id: UUID,
    notice_id: UUID,
    basis: Basis | None,
    wording: str | None,
    by_id: UUID | None,
    at: datetime,
    *,
    check_version: Callable[[int], None],
) -> Notice:
    """The next version: who agreed to an older one agreed to that. Nothing is recorded where nothing changes.

    Raises UnknownNotice, and what `check_version` raises.
    """
    await tx.connection.fetchval(LOCK_NOTICE, tenant_id, notice_id)
    old = (await versions_of(tx, tenant_id, notice_id))[-1]
    check_version(old.version)
    new = replace(old, basis=basis or old.basis, wording=wording or old.wording)
    if new == old:
        return old
    new = replace(new, at=at)
    [place] = await record_events(tx, notices, [NewEvent(notice_id, _event(new), at)])
    new = replace(new, version=place.seq)
    await _store(tx, tenant_id, new, by_id)
    return new


async def _store(tx: Tx, tenant_id: UUID, notice: Notice, by_id: UUID | None) -> None:
    values = (notice.id, notice.version, notice.basis, notice.wording, notice.at, by_id)
    await tx.connection.execute(ADD_VERSION, tenant_id, *values)


def _event(notice: Notice) -> NoticeDefined:
    return NoticeDefined(source=notice.source, basis=notice.basis)


def _notice(row: asyncpg.Record) -> Notice:
    return Notice(**dict(row.items()))
