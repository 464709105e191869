"""What happens to a lead plans its next date; dates that come are acted on."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from uuid import UUID

from services.leads.pools.recycling.use_cases import (
    ANEW,
    TIMER,
    come_due,
    lock_in_hand,
    plan_leads,
    plan_next_anew,
    plan_pool_anew,
)
from shared.clock import Clock
from shared.contracts.leads import LeadAssigned, LeadPooled, LeadUpdated, PoolDefined, StageChanged
from shared.database.transactions import Tx
from shared.events.consuming.handlers import Reaction
from shared.events.envelope import Received
from shared.events.timing.timers import Timer, Timers

Sequel = Callable[[Tx, UUID, Sequence[UUID], datetime], Awaitable[None]]
"""What else is done with leads of a tenant that may have come into other hands."""

_DECIDING = frozenset({"product", "tags", "label", "value_class"})
"""Fields of a lead that its terms follow."""


def plan_by(reaction: Reaction, clock: Clock, sequel: Sequel) -> None:
    """Let the reaction to the service's own leads plan their dates too; one reader is enough for all."""

    @reaction.batch(LeadAssigned, LeadPooled, StageChanged)
    async def on_leads_in_other_hands(tx: Tx, batch: Sequence[Received]) -> None:
        ids = sorted({received.aggregate_id for received in batch if _changes_hands(received)})
        await plan_leads(tx, batch[0].tenant_id, ids, left=_left(batch))
        await sequel(tx, batch[0].tenant_id, ids, clock.now())

    @reaction.batch(LeadUpdated)
    async def on_leads_of_another_kind(tx: Tx, batch: Sequence[Received]) -> None:
        ids = sorted({one.aggregate_id for one in batch if not _DECIDING.isdisjoint(one.data["changed"])})
        if ids:
            await plan_leads(tx, batch[0].tenant_id, ids)

    @reaction.batch(PoolDefined)
    async def on_pools_defined(tx: Tx, batch: Sequence[Received]) -> None:
        for pool_id in sorted({received.aggregate_id for received in batch}):
            await plan_pool_anew(tx, pool_id, clock.now())


def _changes_hands(received: Received) -> bool:
    """A move counts where it closes or reopens: as follow-up it is looked up when a date comes."""
    data = received.data
    return "from_status" not in data or data["from_status"] != data["to_status"]


def _left(batch: Sequence[Received]) -> list[tuple[UUID, str]]:
    """Leads that were moved, and out of which stage."""
    return [(each.aggregate_id, each.data["from_stage"]) for each in batch if "from_stage" in each.data]


def recycling_timers(clock: Clock) -> Timers:
    """Warnings, ends of terms, and planning anew what a pool's new terms hold for."""
    timers = Timers()

    @timers.on(TIMER, lock=lock_in_hand)
    async def on_date(tx: Tx, timer: Timer) -> None:
        await come_due(tx, timer.tenant_id, timer.aggregate_id, clock.now())

    @timers.on(ANEW)
    async def on_new_terms(tx: Tx, timer: Timer) -> None:
        await plan_next_anew(tx, timer.tenant_id, timer.aggregate_id, timer.payload, clock.now())

    return timers
