"""What was changed of a lead's fields, by whom and when."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from services.leads.capture.intake.tables import CHANGED_BY_PEOPLE, SELECT_CHANGES
from shared.database.transactions import Tx


@dataclass(frozen=True, slots=True)
class Change:
    """A change to a lead's fields: which, when, by whom."""

    seq: int
    at: datetime
    changed_by: UUID | None
    changed: tuple[str, ...]


async def changes_of(tx: Tx, tenant_id: UUID, lead_id: UUID) -> list[Change]:
    """Every change to a lead's fields, oldest first."""
    rows = await tx.connection.fetch(SELECT_CHANGES, tenant_id, lead_id)
    return [Change(row["seq"], row["at"], row["changed_by"], tuple(row["changed"])) for row in rows]


async def changed_by_people(tx: Tx, tenant_id: UUID, since: Mapping[UUID, datetime]) -> set[UUID]:
    """The leads whose fields somebody changed, from a moment of its own on for each."""
    rows = await tx.connection.fetch(CHANGED_BY_PEOPLE, tenant_id, list(since), list(since.values()))
    return {row["lead_id"] for row in rows}
