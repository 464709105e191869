"""Dates of decisions that come have them looked at."""

from __future__ import annotations

from services.leads.assigning.returns.waiting import TIMER, look_at
from services.leads.pools.recycling.use_cases import lock_in_hand
from shared.clock import Clock
from shared.database.transactions import Tx
from shared.events.timing.timers import Timer, Timers


def remind_by(timers: Timers, clock: Clock) -> None:
    """Let these timers tell of decisions that take long."""

    @timers.on(TIMER, lock=lock_in_hand)
    async def on_date(tx: Tx, timer: Timer) -> None:
        await look_at(tx, timer.tenant_id, timer.aggregate_id, clock.now())
