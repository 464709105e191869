"""A new tenant gets its default pipeline."""

from __future__ import annotations

from services.leads.pipelines.use_cases import ensure_default_pipeline
from shared.contracts.org import TenantConfigured
from shared.database.transactions import Tx
from shared.events.consuming.handlers import Reaction
from shared.events.envelope import Received

pipelines_reaction = Reaction("leads.pipelines")


@pipelines_reaction.on(TenantConfigured)
async def on_tenant_configured(tx: Tx, received: Received) -> None:
    await ensure_default_pipeline(
        tx, received.tenant_id, received.occurred_at, causation_id=received.event_id
    )
