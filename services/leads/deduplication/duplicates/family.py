"""Who belongs to the family of a lead's person: spouse, parents, children."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Literal
from uuid import UUID

from services.leads.deduplication.duplicates.tables import (
    DELETE_RELATIVE,
    FORGET_RELATIVES,
    INSERT_RELATIVE,
    NAMING,
    RELATIVES,
)
from shared.database.transactions import Tx

Relation = Literal["spouse", "parent", "child"]


@dataclass(frozen=True, slots=True)
class Relative:
    """`phone` is a key like a lead's own, `phone_text` as it was written."""

    id: UUID
    relation: Relation
    name: str | None
    phone: str | None
    phone_text: str | None
    created_at: datetime
    created_by: UUID | None


async def relatives_of(tx: Tx, tenant_id: UUID, lead_id: UUID) -> list[Relative]:
    """Oldest first. The caller has checked that the lead may be seen."""
    rows = await tx.connection.fetch(RELATIVES, tenant_id, lead_id)
    return [Relative(*row) for row in rows]


async def store_relative(tx: Tx, tenant_id: UUID, lead_id: UUID, one: Relative) -> None:
    values = (one.id, one.relation, one.name, one.phone, one.phone_text, one.created_at, one.created_by)
    await tx.connection.execute(INSERT_RELATIVE, tenant_id, lead_id, *values)


async def remove_relative(tx: Tx, tenant_id: UUID, lead_id: UUID, relative_id: UUID) -> bool:
    """Whether there was such a one."""
    return bool(await tx.connection.fetchval(DELETE_RELATIVE, tenant_id, lead_id, relative_id))


async def leads_naming(tx: Tx, tenant_id: UUID, phones: Collection[str]) -> dict[str, UUID]:
    """By phone, the first lead that names a relative with it; whoever may see that."""
    rows = await tx.connection.fetch(NAMING, tenant_id, list(phones)) if phones else []
    return {row["phone"]: row["lead_id"] for row in rows}


async def forget(tx: Tx, tenant_id: UUID, lead_ids: Collection[UUID]) -> None:
    """Nobody is named on these leads any more, nor are their own people on others."""
    await tx.connection.execute(FORGET_RELATIVES, tenant_id, list(lead_ids))
