"""What can be asked about numbers: which facts, by what, for whom; and what shape of statement that needs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any, Literal
from uuid import UUID

from services.scoring.kpis.catalogue import Metric
from services.scoring.kpis.periods import Grain
from services.scoring.kpis.views import DIMENSIONS, Dimension

By = Literal["rep", "team", "region", "product", "channel", "tenant"]


@dataclass(frozen=True, slots=True)
class Seen:
    """What a caller without sight of the whole tenant may see: their own facts and those of these teams."""

    rep: int
    teams: frozenset[int]


@dataclass(frozen=True, slots=True)
class Slice:
    """Which facts are asked for: any of these surrogates per dimension (a team's whole subtree), what is
    seen.
    """

    filters: Mapping[Dimension, frozenset[int]] = field(default_factory=dict)
    seen: Seen | None = None

    def narrowed(self, dimension: Dimension, surrogate: int) -> Slice:
        """This slice where one dimension has one value besides."""
        kept = self.filters.get(dimension, frozenset({surrogate})) & {surrogate}
        return Slice({**self.filters, dimension: kept}, self.seen)


@dataclass(frozen=True, slots=True)
class Question:
    """One metric by one dimension and period. `first` and `last` are bounds of whole periods, both
    inclusive.
    """

    tenant_id: UUID
    metric: Metric
    by: By
    grain: Grain
    first: date
    last: date
    slice: Slice


@dataclass(frozen=True, slots=True)
class Shape:
    """What the text of a question's statement depends on; whatever else it says is a value.

    `filters`: the dimensions that filter, and whether each has several values. `seen`: whether the caller
    sees several teams; None: the whole tenant. `after`: whether a page follows another. `limited`: whether it
    ends.
    """

    metric: str
    by: By
    grain: Grain
    filters: tuple[tuple[Dimension, bool], ...]
    seen: bool | None
    after: bool
    limited: bool

    @classmethod
    def of(cls, question: Question, after: tuple[Any, Any] | None = None, limit: int | None = None) -> Shape:
        asked = question.slice
        several = tuple((name, len(asked.filters[name]) != 1) for name in DIMENSIONS if name in asked.filters)
        seen = None if asked.seen is None else len(asked.seen.teams) != 1
        metric = question.metric.name
        return cls(metric, question.by, question.grain, several, seen, after is not None, limit is not None)

    @property
    def dimensions(self) -> frozenset[Dimension]:
        """Every dimension that the statement has to know."""
        by: tuple[Dimension, ...] = () if self.by == "tenant" else (self.by,)
        own: tuple[Dimension, ...] = () if self.seen is None else ("rep", "team")
        return frozenset((*by, *own, *(name for name, _ in self.filters)))


def values_of(question: Question, after: tuple[Any, Any] | None, limit: int | None) -> dict[str, Any]:
    """The values of a statement's parameters, by name."""
    asked = question.slice
    values: dict[str, Any] = {
        "tenant": question.tenant_id, "first": question.first, "last": question.last, "most": limit,
    }  # fmt: skip
    values |= {name: _one_or_all(surrogates) for name, surrogates in asked.filters.items()}
    if asked.seen is not None:
        values |= {"seen_rep": asked.seen.rep, "seen_teams": _one_or_all(asked.seen.teams)}
    if after is not None:
        values |= {"after": after[0], "after_key": after[1]}
    return values


def _one_or_all(surrogates: frozenset[int]) -> int | list[int]:
    return next(iter(surrogates)) if len(surrogates) == 1 else sorted(surrogates)
