"""Leads that come, or whose company changes, are compared; all stored ones when a tenant begins to ask."""

from __future__ import annotations

from collections.abc import Sequence

from services.leads.deduplication.duplicates.policy import COMPARE
from services.leads.deduplication.likeness.use_cases import compare, compare_next, tenants_comparing
from services.leads.follow_up.automation.reactions import Sequel
from shared.clock import Clock
from shared.contracts.leads import LeadCreated
from shared.database.transactions import Tx
from shared.events.envelope import Received
from shared.events.timing.timers import Timer, Timers


def compare_after(clock: Clock) -> Sequel:
    """After the rules of automation, off the way of new leads."""

    async def act(tx: Tx, batch: Sequence[Received]) -> None:
        ids = {each.aggregate_id for each in batch if _matters(each)}
        await compare(tx, batch[0].tenant_id, ids, clock.now())

    return Sequel(tenants_comparing, act)


def _matters(received: Received) -> bool:
    return received.type == LeadCreated.type_name() or "company" in received.data.get("changed", ())


def compare_by(timers: Timers, clock: Clock) -> None:
    """Let these timers go through what is stored."""

    @timers.on(COMPARE)
    async def on_comparing(tx: Tx, timer: Timer) -> None:
        await compare_next(tx, timer.tenant_id, timer.payload, clock.now())
