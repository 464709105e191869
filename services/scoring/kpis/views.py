"""The roll-ups that cells keep: which dimensions each view's rows are keyed by, and which view answers a
question.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import IntEnum
from typing import Literal

from services.scoring.kpis.periods import Grain

Dimension = Literal["rep", "team", "region", "product", "channel"]
DIMENSIONS: tuple[Dimension, ...] = ("rep", "team", "region", "product", "channel")
KINDS: dict[Dimension, int] = {name: number for number, name in enumerate(DIMENSIONS, start=1)}
"""Numbers of the kinds of dimensions as stored."""


class CellGrain(IntEnum):
    DAY = 0
    MONTH = 1


CELL_GRAIN: dict[Grain, CellGrain] = {
    "day": CellGrain.DAY,
    "week": CellGrain.DAY,
    "month": CellGrain.MONTH,
    "quarter": CellGrain.MONTH,
    "year": CellGrain.MONTH,
}
"""Which cells a question's periods are summed from."""


@dataclass(frozen=True, slots=True)
class View:
    """Rows of cells whose `key` is the first of `dimensions`, and whose `team` column the second, if any."""

    number: int
    dimensions: tuple[Dimension, ...]


VIEWS: tuple[View, ...] = (
    View(0, ()),
    View(1, ("rep", "team")),
    View(2, ("team",)),
    View(3, ("region",)),
    View(4, ("product",)),
    View(5, ("channel",)),
)
"""The rep's view holds the team at the time too, or a subtree's leaderboard could not be answered from it."""

REP_VIEW, TEAM_VIEW = VIEWS[1], VIEWS[2]


def view_for(dimensions: Iterable[Dimension]) -> View | None:
    """The smallest view that knows all these dimensions; None: only facts do."""
    asked = set(dimensions)
    fitting = [view for view in VIEWS if asked <= set(view.dimensions)]
    return min(fitting, key=lambda view: len(view.dimensions), default=None)
