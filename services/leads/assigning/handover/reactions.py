"""Somebody left, or is back: their leads change hands."""

from __future__ import annotations

from services.leads.assigning.handover.departures import TIMER, begin_handover, begin_return, go_on
from shared.access.directory import check_directory
from shared.clock import Clock
from shared.contracts.org import RepLeft, RepReturned
from shared.database.transactions import Tx
from shared.events.consuming.handlers import Reaction
from shared.events.envelope import Received
from shared.events.timing.timers import Timer, Timers


def hand_over_by(reaction: Reaction, timers: Timers, clock: Clock) -> None:
    """Let a reaction to the organisation's events begin it, and timers go on with it."""

    @reaction.on(RepLeft, RepReturned)
    async def on_departure(tx: Tx, received: Received) -> None:
        # Who may take over is what the directory says; it stands there when the leads are looked at.
        await check_directory(tx, received.seq)
        event = received.event
        match event:
            case RepLeft():
                await begin_handover(tx, received.tenant_id, event, clock.now())
            case RepReturned():
                await begin_return(tx, event, clock.now())

    @timers.on(TIMER)
    async def on_next_leads(tx: Tx, timer: Timer) -> None:
        await go_on(tx, timer.tenant_id, timer.aggregate_id, timer.payload, clock.now())
