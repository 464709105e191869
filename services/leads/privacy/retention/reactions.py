"""Dates on which leads may be due come one after the other."""

from __future__ import annotations

from services.leads.privacy.retention.tables import retention_policies
from services.leads.privacy.retention.use_cases import LEAD, WALK, look_again, walk_on
from shared.clock import Clock
from shared.database.transactions import Tx
from shared.events.timing.timers import Timer, Timers


def retain_by(timers: Timers, clock: Clock) -> None:
    """Let these timers walk behind the leads, and come back to each when it may be due."""

    @timers.on(WALK, lock=retention_policies)
    async def on_walk(tx: Tx, timer: Timer) -> None:
        await walk_on(tx, timer.tenant_id, timer.aggregate_id, timer.payload, clock.now())

    @timers.on(LEAD)
    async def on_lead(tx: Tx, timer: Timer) -> None:
        await look_again(tx, timer.tenant_id, timer.aggregate_id, clock.now())
