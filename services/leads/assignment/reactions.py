"""A created lead is assigned a moment later, and so is one that is a lead of its own again and nobody's."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from datetime import datetime
from uuid import UUID

from services.leads.assignment.definitions import tenants_with_rules
from services.leads.assignment.use_cases import Sight, assign_by_rules
from shared.clock import Clock
from shared.contracts.leads import LeadCreated, LeadUnmerged
from shared.database.transactions import Tx
from shared.events.consuming.handlers import Matter, Reaction
from shared.events.envelope import Received

First = Callable[[Tx, UUID, Collection[UUID], datetime], Awaitable[None]]
"""What is done with new leads before the rules are asked."""
Leftover = Callable[[Tx, UUID, Mapping[UUID, UUID], datetime], Awaitable[None]]
"""What is done with the leads of `{lead: causing event}` that the rules found nobody for."""
Taking = Callable[[Tx, Sequence[UUID]], Awaitable[Collection[UUID]]]
"""Those of some tenants for whose new leads there is something to do."""


def assignment_reaction(
    clock: Clock, first: Sequence[First], seen_as: Sight, leftover: Leftover, *taking: Taking
) -> Reaction:
    """`leads.assignment`; the clock says when a lead was assigned. `taking`: to whom the others matter."""
    reaction = Reaction("leads.assignment")
    created = LeadCreated.type_name()

    @reaction.heeding
    async def heeded(tx: Tx, matters: Collection[Matter]) -> Collection[Matter]:
        tenants = [tenant_id for tenant_id, name in matters if name == created]
        acting = {one for ask in (tenants_with_rules, *taking) for one in await ask(tx, tenants)}
        return {(tenant_id, name) for tenant_id, name in matters if name != created or tenant_id in acting}

    @reaction.batch(LeadCreated, LeadUnmerged)
    async def on_leads_created(tx: Tx, batch: Sequence[Received]) -> None:
        causes = {received.aggregate_id: received.event_id for received in batch}
        tenant_id, at = batch[0].tenant_id, clock.now()
        for before in first:
            await before(tx, tenant_id, list(causes), at)
        given = await assign_by_rules(tx, tenant_id, causes, at, seen_as=seen_as)
        if len(given) < len(causes):
            left = {lead: cause for lead, cause in causes.items() if lead not in given}
            await leftover(tx, tenant_id, left, at)

    return reaction
