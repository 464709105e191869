"""A created lead is assigned a moment later."""

from __future__ import annotations

from collections.abc import Sequence

from services.leads.assignment.use_cases import assign_by_rules
from shared.clock import Clock
from shared.contracts.leads import LeadCreated
from shared.database.transactions import Tx
from shared.events.consuming.handlers import Reaction
from shared.events.envelope import Received


def assignment_reaction(clock: Clock) -> Reaction:
    """`leads.assignment`; the clock says when a lead was assigned."""
    reaction = Reaction("leads.assignment")

    @reaction.batch(LeadCreated)
    async def on_leads_created(tx: Tx, batch: Sequence[Received]) -> None:
        causes = {received.aggregate_id: received.event_id for received in batch}
        await assign_by_rules(tx, batch[0].tenant_id, causes, clock.now())

    return reaction
