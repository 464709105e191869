"""Dates of exports that come: approvers are warned, and what nobody fetches expires."""

from __future__ import annotations

from services.leads.finding.exports.tables import exports
from services.leads.finding.exports.use_cases import TIMER, come_due
from shared.clock import Clock
from shared.database.transactions import Tx
from shared.events.timing.timers import Timer, Timers


def expire_by(timers: Timers, clock: Clock) -> None:
    """Let these timers tell of exports that wait, and end those whose time is over."""

    @timers.on(TIMER, lock=exports)
    async def on_date(tx: Tx, timer: Timer) -> None:
        await come_due(tx, timer.tenant_id, timer.aggregate_id, clock.now())
