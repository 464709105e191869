"""What becomes due in the organisation."""

from __future__ import annotations

from services.gateway.org.transfers import TIMER, complete_transfer
from shared.database.transactions import Tx
from shared.events.timing.timers import Timer, Timers

timers = Timers()


@timers.on(TIMER)
async def on_transfer_due(tx: Tx, timer: Timer) -> None:
    await complete_transfer(tx, timer.aggregate_id)
