"""Timers go on with the look through stored leads."""

from __future__ import annotations

from services.leads.capture.custom_fields.use_cases import TIMER
from services.leads.capture.refitting.use_cases import go_on
from shared.clock import Clock
from shared.database.transactions import Tx
from shared.events.timing.timers import Timer, Timers


def refit_by(timers: Timers, clock: Clock) -> None:
    """Let these timers look through leads for custom fields."""

    @timers.on(TIMER)
    async def on_field(tx: Tx, timer: Timer) -> None:
        await go_on(tx, timer.tenant_id, timer.aggregate_id, timer.payload, clock.now())
