"""What happens to leads, and is done for them, has them judged anew a moment later."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from services.leads.capture.intake.use_cases import lock_leads
from services.leads.deduplication.parts.use_cases import roots_of
from services.leads.follow_up.automation.reactions import Sequel
from services.leads.follow_up.touches.reactions import Heed
from services.leads.judging.classification.definitions import SWEEP, counting, judging
from services.leads.judging.classification.use_cases import JUDGE, judge, judge_next, judge_soon
from shared.clock import Clock
from shared.database.transactions import Tx
from shared.events.envelope import Received
from shared.events.timing.timers import Due, Timer, Timers, schedule_many


def judge_after(clock: Clock) -> Sequel:
    """For the reader of what happens to leads."""

    async def happened(tx: Tx, batch: Sequence[Received]) -> None:
        ids = [received.aggregate_id for received in batch]
        await judge_soon(tx, batch[0].tenant_id, ids, clock.now())

    return Sequel(judging, happened)


def count_by(clock: Clock) -> Heed:
    """For the projection of activities: who was followed up effectively may have other points."""

    async def touched(tx: Tx, done: Sequence[Received]) -> None:
        effective = [one for one in done if one.data["effective"]]
        tenants = sorted({one.tenant_id for one in effective})
        for tenant_id in sorted(await counting(tx, tenants)) if tenants else []:
            touched_leads = {UUID(one.data["lead_id"]) for one in effective if one.tenant_id == tenant_id}
            leads = set((await roots_of(tx, tenant_id, touched_leads)).values())
            due: list[Due] = [(lead_id, clock.now(), {}) for lead_id in sorted(leads)]
            await schedule_many(tx, JUDGE, due, tenant_id=tenant_id)

    return touched


def judge_by(timers: Timers, clock: Clock) -> None:
    """Let these timers judge."""

    @timers.on(JUDGE, lock=_lock)
    async def on_lead(tx: Tx, timer: Timer) -> None:
        await judge(tx, timer.tenant_id, [timer.aggregate_id], clock.now())

    @timers.on(SWEEP)
    async def on_sweep(tx: Tx, timer: Timer) -> None:
        after = timer.payload.get("after")
        await judge_next(tx, timer.tenant_id, UUID(after) if after else None, clock.now())


async def _lock(tx: Tx, lead_id: UUID) -> None:
    if tx.tenant_id is not None:
        await lock_leads(tx, tx.tenant_id, [lead_id])
