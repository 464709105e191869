"""Looking at how well leads are kept."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal
from uuid import UUID

from services.leads.judging.quality.rules import Field, Kept, QualityNotAllowed, kept
from services.leads.judging.quality.tables import OF_OWNERS, OF_TEAMS, OWNERS, TEAMS
from shared.access.principal import Principal
from shared.database.transactions import Tx

By = Literal["owner", "team"]


@dataclass(frozen=True, slots=True)
class Quality:
    """How well the leads of an owner or a team are kept, as far as the caller sees them."""

    key: UUID
    label: str
    kept: Kept


async def quality(
    tx: Tx, who: Principal, by: By, fields: Sequence[Field], after: UUID | None, most: int
) -> list[Quality]:
    """Owners or teams with leads that the caller sees, in the order of their ids, beyond `after`.

    Raises QualityNotAllowed.
    """
    if by == "team" and who.visibility == "own":
        raise QualityNotAllowed
    listed, leads = (OWNERS, OF_OWNERS) if by == "owner" else (TEAMS, OF_TEAMS)
    shown = await tx.connection.fetch(listed, who.tenant_id, after, most)
    keys = [row["id"] for row in shown]
    found: dict[UUID, list[dict[str, object]]] = {key: [] for key in keys}
    for row in await tx.connection.fetch(leads, who.tenant_id, keys) if keys else []:
        found[row["key"]].append(dict(row))
    return [Quality(row["id"], row["label"], kept(found[row["id"]], fields)) for row in shown]
