"""Asking what is a part of what, and writing down what was merged."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import asyncpg

from services.leads.bulk import json_text
from services.leads.deduplication.parts.tables import (
    ABOUT,
    BELOW,
    DIRECT,
    INSERT,
    OF_LEAD,
    PARTS,
    REROOT,
    RETAKE,
    ROOTS,
    UNDO,
)
from shared.database.transactions import Tx


@dataclass(frozen=True, slots=True)
class Merge:
    """A lead was merged into another. `root_id`: the lead that all of it is a part of; None: it was undone.

    `owner_id`, `pool_id` and `pooled_at` are the lead's as they were before; `taken` is what the other took
    over, as JSON; `taken_seq` and `given_seq` are the other's versions when it did, and when it gave back.
    """

    id: UUID
    lead_id: UUID
    into_id: UUID
    root_id: UUID | None
    at: datetime
    by_id: UUID | None
    reason: str | None
    owner_id: UUID | None
    pool_id: UUID | None
    pooled_at: datetime | None
    taken: Mapping[str, Any]
    taken_seq: int | None = None
    given_seq: int | None = None
    undone_at: datetime | None = None
    undone_by: UUID | None = None


async def parts_of(tx: Tx, tenant_id: UUID, roots: Collection[UUID]) -> dict[UUID, list[UUID]]:
    """By lead, all that are parts of it, whoever may see them; leads without any are left out."""
    found: dict[UUID, list[UUID]] = {}
    for row in await tx.connection.fetch(PARTS, tenant_id, list(roots)):
        found.setdefault(row["root_id"], []).append(row["lead_id"])
    return found


async def roots_of(tx: Tx, tenant_id: UUID, lead_ids: Collection[UUID]) -> dict[UUID, UUID]:
    """Each lead, or the one that it is a part of."""
    rows = await tx.connection.fetch(ROOTS, tenant_id, list(lead_ids))
    return {lead_id: lead_id for lead_id in lead_ids} | {row["lead_id"]: row["root_id"] for row in rows}


async def merge_of(tx: Tx, tenant_id: UUID, lead_id: UUID) -> Merge | None:
    """How a lead came to be a part of another; None: it is a lead of its own."""
    row = await tx.connection.fetchrow(OF_LEAD, tenant_id, lead_id)
    return None if row is None else _merge(row)


async def merged_into(tx: Tx, tenant_id: UUID, lead_id: UUID) -> list[Merge]:
    """What was merged into this very lead and still is, oldest first."""
    return [_merge(row) for row in await tx.connection.fetch(DIRECT, tenant_id, lead_id)]


async def below(tx: Tx, tenant_id: UUID, lead_id: UUID) -> list[UUID]:
    """All that goes where this lead goes: what was merged into it, and into that."""
    return [row["lead_id"] for row in await tx.connection.fetch(BELOW, tenant_id, lead_id)]


async def merges_about(tx: Tx, tenant_id: UUID, lead_id: UUID) -> list[Merge]:
    """Every merge of a lead or into it, undone ones too, oldest first."""
    return [_merge(row) for row in await tx.connection.fetch(ABOUT, tenant_id, lead_id)]


async def store_merge(tx: Tx, tenant_id: UUID, merge: Merge, brought: Sequence[UUID]) -> None:
    """Write down a merge; `brought`: all that was a part of the lead until now."""
    values = (
        merge.id, merge.lead_id, merge.into_id, merge.at, merge.by_id, merge.reason, merge.owner_id,
        merge.pool_id, merge.pooled_at, json_text(merge.taken), merge.taken_seq,
    )  # fmt: skip
    await tx.connection.execute(INSERT, tenant_id, *values)
    await tx.connection.execute(REROOT, tenant_id, list(brought), merge.into_id)


async def store_undone(
    tx: Tx, tenant_id: UUID, merge: Merge, at: datetime, by_id: UUID | None, brought: Sequence[UUID]
) -> None:
    """It holds no longer; `brought`: what goes along with the lead, as its parts."""
    await tx.connection.execute(UNDO, tenant_id, merge.id, at, by_id, merge.given_seq)
    await tx.connection.execute(REROOT, tenant_id, list(brought), merge.lead_id)


async def store_taken(
    tx: Tx, tenant_id: UUID, merge_id: UUID, taken: Mapping[str, Any], version: int
) -> None:
    """What is now taken over from this lead; `version`: the other one's that has it."""
    await tx.connection.execute(RETAKE, tenant_id, merge_id, json_text(taken), version)


async def forget(tx: Tx, tenant_id: UUID, lead_ids: Collection[UUID]) -> None:
    """Why these leads were merged stands in words of people: nothing of it stays."""
    await tx.connection.execute(
        "update merges set reason = null, taken = taken - 'tags'"
        " where tenant_id = $1 and (lead_id = any($2::uuid[]) or into_id = any($2::uuid[]))",
        tenant_id,
        list(lead_ids),
    )


def _merge(row: asyncpg.Record) -> Merge:
    return Merge(**dict(row.items()))
