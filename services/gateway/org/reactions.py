"""What becomes due in the organisation."""

from __future__ import annotations

from services.gateway.org.transfers import TIMER, complete_transfer
from shared.database.transactions import Tx
from shared.events.timing.timers import Timer, Timers


def transfer_by(timers: Timers) -> None:
    """Let planned transfers take effect when they are due."""

    @timers.on(TIMER)
    async def on_transfer_due(tx: Tx, timer: Timer) -> None:
        await complete_transfer(tx, timer.aggregate_id)
