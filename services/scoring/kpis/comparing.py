"""Two generations held against each other: what differs in facts, cells and states. Sums, not rows:
intermediate
facts that were taken back again may differ, what they add up to may not."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from services.scoring.kpis.catalogue import SLOTS, Measure
from services.scoring.kpis.tables import SLOT_NAMES
from services.scoring.kpis.views import VIEWS, CellGrain

if TYPE_CHECKING:
    from shared.database.connections import Raw

SHOWN = 20

_NET = "tenant_id, measure, day, rep, team, region, product, channel, event_id"
_FACTS = f"""select {_NET},
sum(case generation when $1 then n else 0 end)::bigint as old_n,
sum(case generation when $1 then v else 0 end)::bigint as old_v,
sum(case generation when $2 then n else 0 end)::bigint as new_n,
sum(case generation when $2 then v else 0 end)::bigint as new_v
from facts where generation in ($1, $2) group by {_NET}
having sum(case generation when $1 then n else -n end) <> 0
or sum(case generation when $1 then v else -v end) <> 0"""  # noqa: S608 - our own column names

_KEY = "tenant_id, view, grain, period, key, team, family"
_ARRAYS = {side: f"array[{', '.join(f'coalesce({side}.{name}, 0)' for name in SLOT_NAMES)}]" for side in "ab"}
_CELLS = f"""select {_KEY}, {_ARRAYS["a"]} as old, {_ARRAYS["b"]} as new
from (select * from cells where generation = $1) a
full join (select * from cells where generation = $2) b using ({_KEY})
where {_ARRAYS["a"]} <> {_ARRAYS["b"]}"""  # noqa: S608 - our own column names

_STATES = """select tenant_id, entity from (select * from states where generation = $1) a
full join (select * from states where generation = $2) b using (tenant_id, entity)
where a.state is distinct from b.state"""


@dataclass(frozen=True, slots=True)
class Comparison:
    """How many facts, cells and states differ, and the first of them in words."""

    facts: int
    cells: int
    states: int
    samples: tuple[str, ...]

    @property
    def equal(self) -> bool:
        return not (self.facts or self.cells or self.states)


async def compare(raw: Raw, old: int, new: int) -> Comparison:
    """Hold generation `new` against `old`. The caller has locked both, so that neither moves meanwhile."""
    # Grouping millions of facts on disk takes a multiple of the time for which everybody waits.
    await raw.execute("set local work_mem = '256MB'")
    facts, cells, states = [await _differing(raw, query, old, new) for query in (_FACTS, _CELLS, _STATES)]
    names = (
        {row["id"]: row["key"] for row in await raw.fetch("select id, key from dimensions")}
        if cells[1]
        else {}
    )
    said = [
        *map(_fact, facts[1]),
        *(line for row in cells[1] for line in _cell(row, names)),
        *(f"state of lead {row['entity']}" for row in states[1]),
    ]
    return Comparison(facts[0], cells[0], states[0], tuple(said[:SHOWN]))


async def _differing(raw: Raw, query: str, old: int, new: int) -> tuple[int, list[Any]]:
    """How many rows differ, and the first ones; the query runs once."""
    rows = await raw.fetch(
        f"with d as materialized ({query}) select *, (select count(*) from d) as total from d limit {SHOWN}",  # noqa: S608
        old,
        new,
    )
    return (rows[0]["total"] if rows else 0), rows


def _fact(row: Mapping[str, Any]) -> str:
    measure = Measure(row["measure"]).name.lower()
    live, rebuilt = (f"{row[side + '_n']} ({row[side + '_v']})" for side in ("old", "new"))
    return f"{measure} of event {row['event_id']} on {row['day']}: live {live}, rebuilt {rebuilt}"


def _cell(row: Mapping[str, Any], names: Mapping[int, str]) -> Iterator[str]:
    dimensions = VIEWS[row["view"]].dimensions
    whose = " ".join(
        f"{name} {names.get(row[column], 'none')}"
        for name, column in zip(dimensions, ("key", "team"), strict=False)
    )
    grain = CellGrain(row["grain"]).name.lower()
    for (measure, column), slot in SLOTS.items():
        live, rebuilt = row["old"][slot.index], row["new"][slot.index]
        if slot.family == row["family"] and live != rebuilt:
            what = f"{'number' if column == 'n' else 'sum'} of {measure.name.lower()}"
            yield f"{grain} of {row['period']}, {whose or 'tenant'}: {what}: live {live}, rebuilt {rebuilt}"
