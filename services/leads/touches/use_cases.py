"""Storing what activities published, and looking it up."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from services.leads.touches.tables import LAST_EFFECTIVE, SELECT_OF_LEAD, UPSERT
from shared.database.transactions import Tx


@dataclass(frozen=True, slots=True)
class Touch:
    """An activity for a lead. `duration_s` in seconds; `effective`: it counts as follow-up."""

    activity_id: UUID
    kind: str
    at: datetime
    outcome: str | None
    duration_s: int | None
    effective: bool
    rep_id: UUID | None


async def store_touches(tx: Tx, rows: Sequence[Mapping[str, Any]]) -> None:
    """Activities of any tenants; known ones are left as they are."""
    await UPSERT.execute(tx, rows)


async def touches_of(tx: Tx, tenant_id: UUID, lead_id: UUID) -> list[Touch]:
    """A lead's activities, oldest first."""
    return [Touch(*row) for row in await tx.connection.fetch(SELECT_OF_LEAD, tenant_id, lead_id)]


async def last_effective(tx: Tx, tenant_id: UUID, since: Mapping[UUID, datetime]) -> dict[UUID, datetime]:
    """When each lead was last followed up effectively, from a moment of its own on; others are left out."""
    rows = await tx.connection.fetch(LAST_EFFECTIVE, tenant_id, list(since), list(since.values()))
    return {row["lead_id"]: row["at"] for row in rows}
