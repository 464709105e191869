"""Notices that numbers changed: gathered with the numbers, published at most once a second per rep and
tenant; and after them what reps have reached.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from uuid import UUID

from services.scoring.kpis.catalogue import METRICS_OF, Measure
from services.scoring.kpis.reaches import mark, tell
from services.scoring.kpis.scope import keys_of
from shared.clock import Clock
from shared.contracts.scoring import KpiRecalculated
from shared.database.transactions import Access, Database, Tx
from shared.events.journal import NewEvent, Stream, record_events

INTERVAL = timedelta(seconds=1)
MOST_DAYS = 31
NOTICES = Stream("kpi_notice")

_BATCH = 500
_SETTLE_S = 0.2
_SAFETY_NET_S = 5.0

_DUE_TENANTS = "select distinct tenant_id from kpi_notices where due and sent_at <= $1 order by 1"
# Whoever holds a row is just announcing it; the same rep is not announced twice.
_TAKE = """with taken as (
select tenant_id, rep, measures, days from kpi_notices
where tenant_id = $1 and due and sent_at <= $2 order by rep limit $3 for update skip locked
)
update kpi_notices k set due = false, measures = 0, days = '{}', sent_at = $4 from taken
where k.tenant_id = taken.tenant_id and k.rep = taken.rep returning taken.rep, taken.measures, taken.days"""
_ANY_DUE = "select exists (select from kpi_notices where due)"


@dataclass(frozen=True, slots=True)
class Change:
    """What changed of a rep's numbers (None: the tenant's)."""

    rep_id: UUID | None
    metrics: tuple[str, ...]
    days: tuple[date, ...]


def change_of(rep_id: UUID | None, measures: int, days: Iterable[date]) -> Change:
    """From a row: `measures` has bit n set where measure n changed."""
    changed = [measure for measure in Measure if measures >> measure & 1]
    metrics = sorted({name for measure in changed for name in METRICS_OF[measure]})
    return Change(rep_id, tuple(metrics), tuple(sorted(set(days))[-MOST_DAYS:]))


async def announce(database: Database, now: datetime) -> int:
    """Publish what is due at `now`; the number of notices. `database` is the worker's."""
    async with database.transaction() as tx:
        raw = await tx.raw()
        tenants = [row[0] for row in await raw.fetch(_DUE_TENANTS, now - INTERVAL)]
    sent = 0
    for tenant_id in tenants:
        async with database.transaction(Access(tenant_id)) as tx:
            sent += await _announce_tenant(tx, tenant_id, now)
    return sent


async def _announce_tenant(tx: Tx, tenant_id: UUID, now: datetime) -> int:
    raw = await tx.raw()
    rows = await raw.fetch(_TAKE, tenant_id, now - INTERVAL, _BATCH, now)
    reps = await keys_of(tx, tenant_id, [row["rep"] for row in rows if row["rep"]])
    changes = [
        change_of(UUID(reps[row["rep"]]) if row["rep"] else None, row["measures"], row["days"])
        for row in rows
        if not row["rep"] or row["rep"] in reps
    ]
    events = [
        NewEvent(
            change.rep_id or tenant_id,
            KpiRecalculated(rep_id=change.rep_id, metrics=change.metrics, days=change.days),
            now,
        )
        for change in changes
    ]
    await record_events(tx, NOTICES, events)
    await mark(raw, [(tenant_id, row["rep"], day) for row in rows for day in row["days"]])
    return len(events)


class Announcer:
    """A worker's task: woken when numbers change, with a slow look now and then for what a crash left.

    `changed` is set when numbers change, or are about to when their transaction commits.
    """

    def __init__(self, database: Database, clock: Clock, changed: asyncio.Event) -> None:
        self._database = database
        self._clock = clock
        self._changed = changed

    async def run(self) -> None:
        """For ever; ends when cancelled."""
        while True:
            try:
                async with asyncio.timeout(_SAFETY_NET_S):
                    await self._changed.wait()
            except TimeoutError:
                pass
            self._changed.clear()
            await self._settle()

    async def _settle(self) -> None:
        """Announce until nothing is left, a pause between."""
        left = True
        while left:
            await asyncio.sleep(_SETTLE_S)
            await announce(self._database, self._clock.now())
            await tell(self._database, self._clock.now())
            async with self._database.transaction() as tx:
                left = bool(await (await tx.raw()).fetchval(_ANY_DUE))
