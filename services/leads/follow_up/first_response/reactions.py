"""Dates of clocks that come, and touches of leads that wait, have them looked at."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from services.leads.follow_up.first_response.starting import TIMER
from services.leads.follow_up.first_response.use_cases import REASSIGN, SEEN, heed, look_at, reassign
from services.leads.follow_up.touches.reactions import Heed
from services.leads.pools.recycling.use_cases import lock_in_hand
from shared.clock import Clock
from shared.database.transactions import Tx
from shared.events.envelope import Received
from shared.events.timing.timers import Timer, Timers


def respond_by(timers: Timers, clock: Clock) -> None:
    """Let these timers warn, escalate, reassign, and note responses."""

    @timers.on(TIMER, lock=lock_in_hand)
    async def on_date(tx: Tx, timer: Timer) -> None:
        await look_at(tx, timer.tenant_id, timer.aggregate_id, clock.now())

    @timers.on(SEEN, lock=lock_in_hand)
    async def on_touch(tx: Tx, timer: Timer) -> None:
        await look_at(tx, timer.tenant_id, timer.aggregate_id, clock.now())

    @timers.on(REASSIGN)
    async def on_lost(tx: Tx, timer: Timer) -> None:
        await reassign(tx, timer.tenant_id, timer.aggregate_id, clock.now())


def heed_by(clock: Clock) -> Heed:
    """For the projection of activities: it knows a touch first, and whoever waits is few."""

    async def touched(tx: Tx, done: Sequence[Received]) -> None:
        leads = sorted({(each.tenant_id, UUID(each.data["lead_id"])) for each in done})
        await heed(tx, leads, clock.now())

    return touched
