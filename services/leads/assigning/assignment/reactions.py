"""A created lead is assigned a moment later, and so is one that is a lead of its own again and nobody's."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from datetime import datetime
from uuid import UUID

from services.leads.assigning.assignment.definitions import tenants_with_rules
from services.leads.assigning.assignment.use_cases import Sight, assign_by_rules
from shared.clock import Clock
from shared.contracts.leads import LeadCreated, LeadUnmerged, LeadUpdated
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
    clock: Clock,
    first: Sequence[First],
    seen_as: Sight,
    leftover: Leftover,
    *taking: Taking,
    changes_matter_to: Taking,
) -> Reaction:
    """`leads.assignment`; the clock says when a lead was assigned. `taking`: to whom new leads matter, too.

    `changes_matter_to`: for whom something is done about changes to fields, by who shares this reader.
    """
    reaction = Reaction("leads.assignment")
    created, updated = LeadCreated.type_name(), LeadUpdated.type_name()

    @reaction.heeding
    async def heeded(tx: Tx, matters: Collection[Matter]) -> Collection[Matter]:
        asks = {created: (tenants_with_rules, *taking), updated: (changes_matter_to,)}
        found = {matter for matter in matters if matter[1] not in asks}
        for name, asked in asks.items():
            tenants = [tenant_id for tenant_id, each in matters if each == name]
            acting = {one for ask in asked for one in await ask(tx, tenants)} if tenants else set()
            found |= {(tenant_id, name) for tenant_id in acting}
        return found

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
