"""KPI events by the ten million, put into scoring's tables by SQL as the consumer would have stored them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypeAlias
from uuid import UUID

import asyncpg

from services.scoring.kpis.catalogue import SLOTS, Measure
from services.scoring.kpis.statements import upsert_cells
from services.scoring.kpis.tables import CONSUMER
from services.scoring.kpis.views import KINDS, Dimension
from tests.bench.crowd import CHANNELS, PRODUCTS, REGIONS

Connection: TypeAlias = "asyncpg.Connection[asyncpg.Record]"

DAYS = 365
EVENTS_PER_LEAD = 10
_SUMMED = ", ".join(str(each.value) for each in (Measure.REVENUE, Measure.CYCLE, Measure.RESPONSE))
_FAMILY = "case measure " + " ".join(
    f"when {measure.value} then {slot.family}" for (measure, _), slot in SLOTS.items()
)


async def load(connection: Connection, tenant: UUID, reps: Sequence[tuple[UUID, UUID]], events: int) -> None:
    """As many facts as events, over a year; their cells; states and positions of their leads.

    `reps` are (rep, team) pairs. Nothing of the tenant may be there yet.
    """
    await _dimensions(connection, tenant, reps)
    key = await connection.fetchval(
        "select pg_get_constraintdef(oid) from pg_constraint where conname = 'pk_facts'"
    )
    await connection.execute("alter table facts drop constraint pk_facts")
    await connection.execute(_FACTS, tenant, len(reps), events, DAYS)
    await connection.execute("set maintenance_work_mem = '1GB'; set work_mem = '512MB'")
    await connection.execute(f"alter table facts add constraint pk_facts {key}")
    await connection.execute(_CELLS, 1)
    await connection.execute(_STATES, tenant, max(events // EVENTS_PER_LEAD, 1))
    await connection.execute(_POSITIONS, CONSUMER, tenant)
    for table in ("facts", "cells", "states", "positions", "dimensions"):
        await connection.execute(f"vacuum analyze {table}")


async def _dimensions(connection: Connection, tenant: UUID, reps: Sequence[tuple[UUID, UUID]]) -> None:
    keys: Mapping[Dimension, Sequence[str]] = {
        "rep": [str(rep) for rep, _ in reps],
        "team": [str(team) for team in dict.fromkeys(team for _, team in reps)],
        "region": REGIONS,
        "product": PRODUCTS,
        "channel": CHANNELS,
    }
    for name, values in keys.items():
        await connection.execute(
            "insert into dimensions (tenant_id, kind, key) select $1, $2, unnest($3::text[])"
            " on conflict do nothing",
            tenant, KINDS[name], list(values),
        )  # fmt: skip
    await connection.execute("create temp table bench_reps (at int primary key, rep int, team int)")
    await connection.execute(
        """insert into bench_reps
        select ord - 1, r.id, t.id from unnest($2::text[], $3::text[]) with ordinality u(rep, team, ord)
        join dimensions r on r.tenant_id = $1 and r.kind = 1 and r.key = u.rep
        join dimensions t on t.tenant_id = $1 and t.kind = 2 and t.key = u.team""",
        tenant, [str(rep) for rep, _ in reps], [str(team) for _, team in reps],
    )  # fmt: skip


def _one_of(name: Dimension) -> str:
    # Only a number of ours is put in.
    return f"(select array_agg(id) from dimensions where tenant_id = $1 and kind = {KINDS[name]})"  # noqa: S608


_FACTS = f"""
insert into facts (tenant_id, generation, measure, team, day, rep, region, product, channel, n, v,
  aggregate_id, seq, event_id, at_us)
select $1, 1, e.measure, b.team, e.day, b.rep, r.ids[(1 + e.n % cardinality(r.ids))::int],
  p.ids[(1 + e.n / 7 % cardinality(p.ids))::int], c.ids[(1 + e.n / 11 % cardinality(c.ids))::int], 1,
  case when e.measure in ({_SUMMED}) then 1000 + e.n % 1000000 else 0 end,
  lpad(to_hex(e.n / {EVENTS_PER_LEAD}), 32, '0')::uuid, 1 + e.n % {EVENTS_PER_LEAD}, gen_random_uuid(),
  (extract(epoch from e.day) * 1000000)::bigint + e.n % 86400000000
from (select n, 1 + (random() * {len(Measure) - 1})::int as measure,
    current_date - (random() * $4)::int as day, (random() * ($2 - 1))::int as rep
  from generate_series(1, $3::bigint) n) e
join bench_reps b on b.at = e.rep,
(select {_one_of("region")} as ids) r, (select {_one_of("product")} as ids) p,
(select {_one_of("channel")} as ids) c
"""  # noqa: S608 - numbers of the catalogue

_CELLS = upsert_cells(
    f"""with incoming as materialized (
select tenant_id, day, day - (extract(day from day)::int - 1) as month, measure, {_FAMILY} end as family,
  rep, team, region, product, channel, sum(n) as n, sum(v)::bigint as v from facts where generation = $1
group by tenant_id, day, measure, rep, team, region, product, channel)
"""  # noqa: S608 - made of the catalogue's own names
)

_STATES = """
insert into states (tenant_id, generation, entity, state)
select $1, 1, lpad(to_hex(n), 32, '0')::uuid,
  jsonb_build_array(1700000000000000 + n, jsonb_build_array(jsonb_build_array(1700000000000000 + n, 2, 1)),
    '[]'::jsonb, null, null)
from generate_series(0, $2::bigint - 1) n
"""

_POSITIONS = """
insert into positions (consumer, stream, aggregate_id, tenant_id, epoch, seq, event_id, parked, settling)
select $1, 'cox.leads', entity, $2, 1, 5, gen_random_uuid(), 0, false from states where tenant_id = $2
union all
select $1, 'cox.activities', gen_random_uuid(), $2, 1, 1, gen_random_uuid(), 0, false
from states s, generate_series(1, 4) where tenant_id = $2
"""
