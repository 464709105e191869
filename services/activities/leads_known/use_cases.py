"""Learning of leads, and finding those that somebody may record activities for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol
from uuid import UUID

from services.activities.leads_known.rules import KnownLead, changed_by
from services.activities.leads_known.tables import load_above, load_any, load_below, load_known, store_known
from shared.database.transactions import Tx


class Heard(Protocol):
    """An event of a lead."""

    type: str
    tenant_id: UUID
    aggregate_id: UUID

    @property
    def data(self) -> Mapping[str, Any]: ...


async def learn(tx: Tx, events: Sequence[Heard]) -> None:
    """Apply the events in order; two statements whatever their number."""
    keys = {(event.tenant_id, event.aggregate_id) for event in events}
    known = await load_any(tx, sorted(keys))
    for event in events:
        key = (event.tenant_id, event.aggregate_id)
        before = known.get(key) or KnownLead(event.aggregate_id)
        known[key] = changed_by(before, event.type, event.data)
    await store_known(tx, [(tenant_id, lead) for (tenant_id, _), lead in known.items()])


async def find_leads(tx: Tx, lead_ids: Sequence[UUID], *, locked: bool = False) -> dict[UUID, KnownLead]:
    """The leads of these that are known and that the caller may see; see `load_known`."""
    return await load_known(tx, lead_ids, locked=locked) if lead_ids else {}


async def leads_above(tx: Tx, lead_id: UUID) -> list[tuple[UUID, UUID | None]]:
    """The leads that a merged one is a part of, the nearest first, each with its owner."""
    return await load_above(tx, lead_id)


async def whole_of(tx: Tx, lead_id: UUID) -> list[UUID]:
    """The lead, and all that are parts of it now."""
    return await load_below(tx, lead_id)
