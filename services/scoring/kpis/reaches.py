"""What each rep reached in a month, told to other services: at most once a minute for each of them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import date, datetime, timedelta
from itertools import islice
from typing import TYPE_CHECKING
from uuid import UUID

from services.scoring.kpis.catalogue import METRICS, SLOTS, Metric, Part
from services.scoring.kpis.periods import period_start
from services.scoring.kpis.rules import figure
from services.scoring.kpis.scope import keys_of
from services.scoring.kpis.tables import CONSUMER, SLOT_NAMES
from services.scoring.kpis.views import REP_VIEW, CellGrain
from shared.contracts.scoring import Reach, RepMeasured
from shared.database.transactions import Access, Database, Tx
from shared.events.journal import NewEvent, Stream, record_events

if TYPE_CHECKING:
    from shared.database.connections import Raw

INTERVAL = timedelta(minutes=1)
TOLD_FOR = timedelta(days=366)
"""Months that began longer ago are not told any more."""
REPS = Stream("rep")

Month = tuple[UUID, int, date]
"""A tenant, a rep's surrogate, and the first day of a month."""

_BATCH = 500
_MARK = """insert into rep_months (tenant_id, rep, month, due, sent_at)
select tenant_id, rep, month, true, 'epoch'
from unnest($1::uuid[], $2::int[], $3::date[]) w(tenant_id, rep, month) order by 1, 2, 3
on conflict (tenant_id, rep, month) do update set due = true where not rep_months.due"""
_DUE_TENANTS = "select distinct tenant_id from rep_months where due and sent_at <= $1 order by 1"
_TAKE = """with taken as (
select tenant_id, rep, month from rep_months
where tenant_id = $1 and due and sent_at <= $2 order by rep, month limit $3 for update skip locked
)
update rep_months m set due = false, sent_at = $4 from taken
where (m.tenant_id, m.rep, m.month) = (taken.tenant_id, taken.rep, taken.month) returning m.rep, m.month"""
_SUMS = f"""select c.key, c.period, c.family, {", ".join(f"sum(c.{name})::bigint" for name in SLOT_NAMES)}
from unnest($2::int[], $3::date[]) w(rep, month)
join cells c on c.tenant_id = $1 and c.period = w.month and c.key = w.rep
where c.generation = (select generation from consumers where name = '{CONSUMER}')
and c.view = {REP_VIEW.number} and c.grain = {CellGrain.MONTH.value}
group by 1, 2, 3"""  # noqa: S608 - our own names


async def mark(raw: Raw, touched: Iterable[tuple[UUID, int, date]]) -> None:
    """Have the months told that these days of tenants' reps (surrogates) fall into."""
    months = sorted({(tenant, rep, period_start("month", day)) for tenant, rep, day in touched if rep})
    if months:
        await raw.execute(_MARK, *(list(column) for column in zip(*months, strict=True)))


async def tell(database: Database, now: datetime) -> int:
    """Publish what is due at `now`; the number of events. `database` is the worker's."""
    async with database.transaction() as tx:
        raw = await tx.raw()
        tenants = [row[0] for row in await raw.fetch(_DUE_TENANTS, now - INTERVAL)]
    told = 0
    for tenant_id in tenants:
        taken = _BATCH
        while taken == _BATCH:
            async with database.transaction(Access(tenant_id)) as tx:
                taken, count = await _tell_some(tx, tenant_id, now)
            told += count
    return told


async def _tell_some(tx: Tx, tenant_id: UUID, now: datetime) -> tuple[int, int]:
    """How many were due, and how many of them were told."""
    raw = await tx.raw()
    taken = [(row[0], row[1]) for row in await raw.fetch(_TAKE, tenant_id, now - INTERVAL, _BATCH, now)]
    recent = [(rep, month) for rep, month in taken if month > (now - TOLD_FOR).date()]
    reps = await keys_of(tx, tenant_id, [rep for rep, _ in recent])
    sums = await _sums(raw, tenant_id, recent)
    events = [
        NewEvent(
            UUID(reps[rep]),
            RepMeasured(rep_id=UUID(reps[rep]), month=month, reaches=_reaches(sums[rep, month])),
            now,
        )
        for rep, month in recent
        if rep in reps
    ]
    await record_events(tx, REPS, events)
    return len(taken), len(events)


async def _sums(
    raw: Raw, tenant_id: UUID, months: Iterable[tuple[int, date]]
) -> Mapping[tuple[int, date], Mapping[Part, int]]:
    """Every count and sum of each month; zero where there is none."""
    columns = [list(column) for column in zip(*months, strict=True)] or [[], []]
    parts = {(slot.family, slot.index): Part(measure, column) for (measure, column), slot in SLOTS.items()}
    found: defaultdict[tuple[int, date], dict[Part, int]] = defaultdict(
        lambda: dict.fromkeys(parts.values(), 0)
    )
    for row in await raw.fetch(_SUMS, tenant_id, *columns):
        rep, month, family = islice(row, 3)
        for index, amount in enumerate(islice(row, 3, None)):
            if (part := parts.get((family, index))) is not None:
                found[rep, month][part] = amount
    return found


def _reaches(sums: Mapping[Part, int]) -> tuple[Reach, ...]:
    """Of every metric that has data."""
    return tuple(_reach(metric, sums) for metric in METRICS.values() if _has_data(metric, sums))


def _has_data(metric: Metric, sums: Mapping[Part, int]) -> bool:
    shown = metric.shown_by or metric.numerator
    return any(sums[part] for part in shown) and figure(metric, sums).value is not None


def _reach(metric: Metric, sums: Mapping[Part, int]) -> Reach:
    return Reach(
        metric=metric.name,
        direction=metric.direction,
        numerator=sum(sums[part] for part in metric.numerator),
        denominator=sum(sums[part] for part in metric.denominator) if metric.denominator else None,
    )
