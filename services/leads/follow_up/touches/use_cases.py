"""Storing what activities published, and looking it up."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from services.leads.follow_up.touches.tables import LAST_EFFECTIVE, SELECT_OF_LEAD, SELECT_SINCE, UPSERT
from shared.database.transactions import Tx


@dataclass(frozen=True, slots=True)
class Touch:
    """An activity for a lead, or for the part of it that `lead_id` is. `duration_s` in seconds; `effective`:
    it counts as follow-up.
    """

    activity_id: UUID
    kind: str
    at: datetime
    outcome: str | None
    duration_s: int | None
    effective: bool
    rep_id: UUID | None
    lead_id: UUID


@dataclass(frozen=True, slots=True)
class LeadTouch:
    """Which lead was touched, when and how."""

    lead_id: UUID
    at: datetime
    kind: str
    outcome: str | None
    effective: bool


async def store_touches(tx: Tx, rows: Sequence[Mapping[str, Any]]) -> None:
    """Activities of any tenants; known ones are left as they are."""
    await UPSERT.execute(tx, rows)


async def touches_of(tx: Tx, tenant_id: UUID, lead_id: UUID) -> list[Touch]:
    """Activities for a lead and for all that are parts of it, oldest first."""
    return [Touch(*row) for row in await tx.connection.fetch(SELECT_OF_LEAD, tenant_id, lead_id)]


async def last_effective(tx: Tx, tenant_id: UUID, since: Mapping[UUID, datetime]) -> dict[UUID, datetime]:
    """When each lead, or a part of it, was last followed up effectively, from a moment of its own on; others
    are left out.
    """
    rows = await tx.connection.fetch(LAST_EFFECTIVE, tenant_id, list(since), list(since.values()))
    return {row["lead_id"]: row["at"] for row in rows}


async def touches_since(tx: Tx, tenant_id: UUID, since: datetime, most: int) -> list[LeadTouch]:
    """Those of all leads of the tenant, newest first. Looks through all that the tenant has."""
    return [LeadTouch(*row) for row in await tx.connection.fetch(SELECT_SINCE, tenant_id, since, most)]
