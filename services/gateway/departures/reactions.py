"""A planned departure becomes due."""

from __future__ import annotations

from services.gateway.departures.use_cases import TIMER, complete_departure
from shared.clock import Clock
from shared.database.transactions import Tx
from shared.events.timing.timers import Timer, Timers


def leave_by(timers: Timers, clock: Clock) -> None:
    """Let planned departures take effect when they are due."""

    @timers.on(TIMER)
    async def on_departure_due(tx: Tx, timer: Timer) -> None:
        await complete_departure(tx, timer.aggregate_id, clock.now())
