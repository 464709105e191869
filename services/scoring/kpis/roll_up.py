"""The cells of a few facts, added up here: to begin with grouping sets costs PostgreSQL more than one event's
facts and cells do. What comes out is the same.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple
from uuid import UUID

from services.scoring.kpis.catalogue import SLOTS, SLOTS_PER_FAMILY, Measure
from services.scoring.kpis.fold import Contribution
from services.scoring.kpis.views import DIMENSIONS, REP_VIEW, VIEWS, CellGrain

FEW = 6
"""From so many facts on PostgreSQL adds them up faster."""

CellRow = tuple[object, ...]
"""A row of the table `cells`, its columns in its order."""


class _Where(NamedTuple):
    """Where a measure's count and sum stand; `v` is None for what only counts."""

    family: int
    n: int
    v: int | None


def _where(measure: Measure) -> _Where:
    count, total = SLOTS[measure, "n"], SLOTS.get((measure, "v"))
    return _Where(count.family, count.index, None if total is None else total.index)


_WHERE = {measure: _where(measure) for measure in Measure}
_KEYED = [
    (view.number, DIMENSIONS.index(view.dimensions[0]) if view.dimensions else None, view is REP_VIEW)
    for view in VIEWS
]
"""Of each view its number, which dimension is its key, and whether its rows hold the team too."""


def cells_of(facts: Iterable[tuple[UUID, Contribution, int]], generation: int) -> list[CellRow]:
    """What facts (tenant, fact, sign) add to the cells, each cell once."""
    sums: dict[CellRow, list[int]] = {}
    for tenant_id, (measure, day, place, amount, _), sign in facts:
        where = _WHERE[measure]
        for grain, period in ((CellGrain.DAY, day), (CellGrain.MONTH, day.replace(day=1))):
            for view, dimension, with_team in _KEYED:
                key = 0 if dimension is None else place[dimension]
                team = place.team if with_team else 0
                cell = (tenant_id, generation, view, grain, period, key, team, where.family)
                slots = sums.setdefault(cell, [0] * SLOTS_PER_FAMILY)
                slots[where.n] += sign
                if where.v is not None:
                    slots[where.v] += sign * amount
    return [(*cell, *slots) for cell, slots in sums.items()]
