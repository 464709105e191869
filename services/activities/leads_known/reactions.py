"""The projection of `cox.leads`."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from uuid import UUID

from services.activities.leads_known import use_cases
from services.activities.leads_known.rules import ERASED
from services.activities.leads_known.tables import known_leads
from shared.contracts.leads import (
    LeadAssigned,
    LeadCreated,
    LeadMerged,
    LeadPooled,
    LeadUnmerged,
    LeadUpdated,
    PersonErased,
    StageChanged,
)
from shared.database.transactions import Tx
from shared.events.consuming.handlers import Projection
from shared.events.envelope import Received

Forget = Callable[[Tx, UUID, Sequence[UUID]], Awaitable[None]]
"""Empties what people wrote about a tenant's leads."""


def leads_known_projection(forget: Forget) -> Projection:
    """The projection; `forget` is called when the persons of leads are forgotten."""
    projection = Projection("activities.leads", tables=(known_leads,))

    @projection.batch(
        LeadCreated,
        LeadAssigned,
        LeadPooled,
        LeadUpdated,
        StageChanged,
        LeadMerged,
        LeadUnmerged,
        PersonErased,
    )
    async def on_leads_changed(tx: Tx, batch: Sequence[Received]) -> None:
        await use_cases.learn(tx, batch)
        erased: dict[UUID, list[UUID]] = {}
        for received in batch:
            if received.type == ERASED:
                erased.setdefault(received.tenant_id, []).append(received.aggregate_id)
        for tenant_id, lead_ids in erased.items():
            await forget(tx, tenant_id, lead_ids)

    return projection
