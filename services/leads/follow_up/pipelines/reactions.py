"""A new tenant gets its default pipeline."""

from __future__ import annotations

from services.leads.follow_up.pipelines.use_cases import ensure_default_pipeline
from shared.contracts.org import TenantConfigured
from shared.database.transactions import Tx
from shared.events.consuming.handlers import Reaction
from shared.events.envelope import Received


def pipelines_reaction() -> Reaction:
    """`leads.pipelines`; other rooms let it do what they do when the organisation changes."""
    reaction = Reaction("leads.pipelines")

    @reaction.on(TenantConfigured)
    async def on_tenant_configured(tx: Tx, received: Received) -> None:
        await ensure_default_pipeline(
            tx, received.tenant_id, received.occurred_at, causation_id=received.event_id
        )

    return reaction
