"""What becomes due of imports."""

from __future__ import annotations

from services.gateway.imports.loading import TIMER
from services.gateway.imports.use_cases import forget_import
from shared.database.transactions import Tx
from shared.events.timing.timers import Timer, Timers
from shared.events.timing.timers import forget as forget_timer


def forget_by(timers: Timers) -> None:
    """Let go of rows that nobody corrected in time: they hold personal data."""

    @timers.on(TIMER)
    async def on_import_old(tx: Tx, timer: Timer) -> None:
        await forget_import(tx, timer.aggregate_id)
        await forget_timer(tx, TIMER, timer.aggregate_id)
