"""What had to be kept of a deal is let go when the law no longer wants it."""

from __future__ import annotations

from services.leads.privacy.erasure.use_cases import TIMER, let_go
from shared.database.transactions import Tx
from shared.events.timing.timers import Timer, Timers


def let_go_by(timers: Timers) -> None:
    """Let these timers end the terms."""

    @timers.on(TIMER)
    async def on_end(tx: Tx, timer: Timer) -> None:
        await let_go(tx, timer.tenant_id, timer.aggregate_id)
