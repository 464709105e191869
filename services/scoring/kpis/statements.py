"""The statements of the write path, generated from the catalogue and the views. For asyncpg: parameters
are $1, $2 …
"""

from __future__ import annotations

from collections.abc import Iterable

from services.scoring.kpis.catalogue import SLOTS, SLOTS_PER_FAMILY
from services.scoring.kpis.tables import SLOT_NAMES, facts
from services.scoring.kpis.views import DIMENSIONS, VIEWS, CellGrain

GROUPED = ("day", "month", *DIMENSIONS)
CELL_KEY = ("tenant_id", "generation", "view", "grain", "period", "key", "team", "family")

FIND_DIMENSIONS = """select d.tenant_id, d.kind, d.key, d.id from dimensions d
join unnest($1::uuid[], $2::smallint[], $3::text[]) w(tenant_id, kind, key) using (tenant_id, kind, key)"""
ADD_DIMENSIONS = """insert into dimensions (tenant_id, kind, key)
select * from unnest($1::uuid[], $2::smallint[], $3::text[]) order by 1, 2, 3 on conflict do nothing"""

# Rows that are there are locked in one order, then missing ones are made in the same order: two consumers can
# meet on a lead, never in a circle.
LOCK_STATES = """select s.tenant_id, s.entity, s.state::text from states s
join unnest($2::uuid[], $3::uuid[]) w(tenant_id, entity) on s.tenant_id = w.tenant_id and s.entity = w.entity
where s.generation = $1 order by s.tenant_id, s.entity for update of s"""
ADD_STATES = """insert into states select * from unnest($1::states[]) order by tenant_id, entity
on conflict do nothing"""


def _bits(included: Iterable[str]) -> int:
    """What `grouping(...)` answers for a grouping set: a bit is 1 where the column is not part of it."""
    present = set(included)
    return sum(
        1 << (len(GROUPED) - 1 - place) for place, column in enumerate(GROUPED) if column not in present
    )


def _slots() -> list[str]:
    """One sum per slot: counts and sums of the measures that stand there, whichever family the group is
    of.
    """
    sums = []
    for index in range(SLOTS_PER_FAMILY):
        found = [
            f"coalesce(sum({column}) filter (where measure = {measure.value}), 0)"
            for (measure, column), slot in SLOTS.items()
            if slot.index == index
        ]
        sums.append(f"({' + '.join(found) or '0'})::bigint")
    return sums


def _roll_up() -> str:
    """Grouped rows of `incoming`: every view by day and by month, in the order of the cells' key."""
    grains = {"day": CellGrain.DAY, "month": CellGrain.MONTH}
    sets = {
        (name, *view.dimensions): (view.number, grain.value)
        for view in VIEWS
        for name, grain in grains.items()
    }
    groups = ", ".join(f"(tenant_id, family, {', '.join(columns)})" for columns in sets)
    which = f"grouping({', '.join(GROUPED)})"
    view = " ".join(f"when {_bits(columns)} then {number}" for columns, (number, _) in sets.items())
    grain = " ".join(f"when {_bits(columns)} then {value}" for columns, (_, value) in sets.items())
    keys = ", ".join(["rep", *(name for name in DIMENSIONS if name not in ("rep", "team")), "team"])
    return f"""select tenant_id, $1::int,
(case {which} {view} end)::smallint, (case {which} {grain} end)::smallint,
coalesce(day, month), coalesce({keys}, 0), case when grouping(rep) = 0 then team else 0 end, family,
{", ".join(_slots())}
from incoming group by grouping sets ({groups})"""  # noqa: S608 - made of the catalogue's own names


_ORDER = ", ".join(str(place) for place in range(1, len(CELL_KEY) + 1))
_ADDED = ", ".join(f"{name} = cells.{name} + excluded.{name}" for name in SLOT_NAMES)
# Sorted, since unsorted upserts of the same rows deadlock.
_ADDING = f"order by {_ORDER} on conflict ({', '.join(CELL_KEY)}) do update set {_ADDED}"


def upsert_cells(source: str = "") -> str:
    """The cell upsert over a CTE named `incoming`."""
    return f"""{source}insert into cells ({", ".join((*CELL_KEY, *SLOT_NAMES))})
{_roll_up()} {_ADDING}"""


def _family() -> str:
    """The family of a fact's measure."""
    families = {measure.value: slot.family for (measure, _), slot in SLOTS.items()}
    others = " ".join(f"when {measure} then {family}" for measure, family in families.items() if family)
    return f"(case measure {others} else 0 end)::smallint" if others else "0::smallint"


STORED = ", ".join(column.name for column in facts.columns if column.name != "id")


# $1 generation, $2 facts, $3 states, $4 to $7 notices (tenant, rep, measures, days).
_EFFECTS = f"""appended as (
insert into facts ({STORED}) select {STORED} from incoming
), advanced as (
update states s set state = w.state from unnest($3::states[]) w
where s.tenant_id = w.tenant_id and s.generation = $1 and s.entity = w.entity
), noticed as (
insert into kpi_notices (tenant_id, rep, measures, days, due, sent_at)
select tenant_id, rep, measures, string_to_array(days, ',')::date[], true, 'epoch'
from unnest($4::uuid[], $5::int[], $6::bigint[], $7::text[]) w(tenant_id, rep, measures, days) order by 1, 2
on conflict (tenant_id, rep) do update set due = true,
measures = kpi_notices.measures * kpi_notices.due::int | excluded.measures,
days = case when kpi_notices.due then kpi_notices.days || excluded.days else excluded.days end
)
"""  # noqa: S608 - made of the catalogue's own names

WRITE_MANY = upsert_cells(f"""with incoming as materialized (
select *, {_family()} as family, date_trunc('month', day::timestamp)::date as month from unnest($2::facts[])
), {_EFFECTS}""")  # noqa: S608 - made of the catalogue's own names
"""Facts, states that were there, notices and cells of a batch in one statement; the cells come last.

Facts and states come as rows of their tables: an array of each column costs several times as much to send
and to read.
"""

WRITE_FEW = f"""with incoming as (select * from unnest($2::facts[])), {_EFFECTS}
insert into cells select * from unnest($8::cells[]) {_ADDING}"""  # noqa: S608 - our own names
"""The same with the cells ($8) added up already, as rows of their table."""
