"""Leads that come or change are held against the list; who comes onto it has their leads marked."""

from __future__ import annotations

from collections.abc import Sequence

from services.leads.privacy.do_not_contact.use_cases import TIMER, heed_list, mark_leads_of
from shared.clock import Clock
from shared.contracts.leads import LeadUpdated
from shared.database.transactions import Tx
from shared.events.consuming.handlers import Reaction
from shared.events.envelope import Received
from shared.events.timing.timers import Timer, Timers

_MATTERS = frozenset({"phone", "other_phones", "email", "do_not_contact"})


def heed_by(reaction: Reaction, timers: Timers, clock: Clock) -> None:
    """Let the reaction to the service's own leads heed changes; of new leads see `assignment_reaction`."""

    @reaction.batch(LeadUpdated)
    async def on_leads_updated(tx: Tx, batch: Sequence[Received]) -> None:
        ids = {each.aggregate_id for each in batch if not _MATTERS.isdisjoint(each.data["changed"])}
        await heed_list(tx, batch[0].tenant_id, ids, clock.now())

    @timers.on(TIMER)
    async def on_listed(tx: Tx, timer: Timer) -> None:
        await mark_leads_of(tx, timer.tenant_id, timer.aggregate_id, timer.payload, clock.now())
