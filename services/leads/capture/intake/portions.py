"""Going through a tenant's leads a portion at a time, by their ids."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from services.leads.capture.intake.tables import VALUES_BEHIND, WHEREABOUTS
from shared.contracts.leads import LeadStatus
from shared.database.transactions import Tx


@dataclass(frozen=True, slots=True)
class Portion:
    """So many leads that were `seen`, up to `last`, and the values that some have in a custom field."""

    seen: int
    last: UUID | None
    values: list[tuple[UUID, Any]]
    goes_on: bool


async def values_behind(
    tx: Tx, tenant_id: UUID, key: str, after: UUID | None, most: int, *, most_values: int | None = None
) -> Portion:
    """The next leads by id, behind `after`: as many as `most`, or until `most_values` of them have one."""
    values: list[tuple[UUID, Any]] = []
    rows = await tx.connection.fetch(VALUES_BEHIND, tenant_id, key, after, most)
    for at, row in enumerate(rows, 1):
        if row["has_value"]:
            values.append((row["id"], row["value"]))
        if len(values) == most_values:
            return Portion(at, row["id"], values, goes_on=True)
    return Portion(len(rows), rows[-1]["id"] if rows else after, values, goes_on=len(rows) == most)


class Whereabouts(NamedTuple):
    """In whose hands a lead is, and what may keep it there: of a hundred thousand leads no more is read."""

    id: UUID
    status: LeadStatus
    owner_id: UUID | None
    pool_id: UUID | None
    pooled_at: datetime | None
    do_not_contact: bool
    merged_into: UUID | None
    erased_at: datetime | None


async def whereabouts(tx: Tx, tenant_id: UUID, ids: Sequence[UUID]) -> list[Whereabouts]:
    """Of the leads of these ids that are visible, in the order of ids that ascend."""
    rows = await tx.connection.fetch(WHEREABOUTS, tenant_id, list(ids)) if ids else []
    return [Whereabouts(*row) for row in rows]
