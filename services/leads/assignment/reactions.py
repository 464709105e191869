"""A created lead is assigned a moment later, and so is one that is a lead of its own again and nobody's."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from datetime import datetime
from uuid import UUID

from services.leads.assignment.use_cases import assign_by_rules
from shared.clock import Clock
from shared.contracts.leads import LeadCreated, LeadUnmerged
from shared.database.transactions import Tx
from shared.events.consuming.handlers import Reaction
from shared.events.envelope import Received

First = Callable[[Tx, UUID, Collection[UUID], datetime], Awaitable[None]]
"""What is done with new leads before the rules are asked."""
Leftover = Callable[[Tx, UUID, Mapping[UUID, UUID], datetime], Awaitable[None]]
"""What is done with the leads of `{lead: causing event}` that the rules found nobody for."""


def assignment_reaction(clock: Clock, first: First, leftover: Leftover) -> Reaction:
    """`leads.assignment`; the clock says when a lead was assigned."""
    reaction = Reaction("leads.assignment")

    @reaction.batch(LeadCreated, LeadUnmerged)
    async def on_leads_created(tx: Tx, batch: Sequence[Received]) -> None:
        causes = {received.aggregate_id: received.event_id for received in batch}
        tenant_id, at = batch[0].tenant_id, clock.now()
        await first(tx, tenant_id, list(causes), at)
        given = await assign_by_rules(tx, tenant_id, causes, at)
        if len(given) < len(causes):
            left = {lead: cause for lead, cause in causes.items() if lead not in given}
            await leftover(tx, tenant_id, left, at)

    return reaction
