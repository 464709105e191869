"""Timers go on with what was asked for."""

from __future__ import annotations

from services.leads.assigning.reassignment.going_on import go_on
from services.leads.assigning.reassignment.tables import reassignments
from services.leads.assigning.reassignment.use_cases import TIMER
from shared.clock import Clock
from shared.database.transactions import Tx
from shared.events.timing.timers import Timer, Timers


def reassign_by(timers: Timers, clock: Clock) -> None:
    """Let these timers give the leads of reassignments, portion after portion."""

    @timers.on(TIMER, lock=reassignments)
    async def on_next_leads(tx: Tx, timer: Timer) -> None:
        await go_on(tx, timer.tenant_id, timer.aggregate_id, clock.now())
