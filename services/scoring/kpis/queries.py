"""Questions about numbers: from cells where a view knows every dimension asked for, else from facts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any, Literal
from uuid import UUID

from sqlalchemy import (
    ARRAY,
    Column,
    ColumnElement,
    Date,
    Integer,
    Select,
    cast,
    func,
    literal,
    literal_column,
    or_,
    select,
    tuple_,
)

from services.scoring.kpis.catalogue import SLOTS, Metric, Part
from services.scoring.kpis.periods import Grain
from services.scoring.kpis.tables import CONSUMER, cells, facts
from services.scoring.kpis.views import CELL_GRAIN, DIMENSIONS, Dimension, View, view_for
from shared.database.transactions import Tx
from shared.events.tables import consumers

# Within the statement, so that it reads the pointer and the numbers in one snapshot.
_LIVE = select(consumers.c.generation).where(consumers.c.name == CONSUMER).scalar_subquery()

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

    @property
    def dimensions(self) -> frozenset[Dimension]:
        own: frozenset[Dimension] = frozenset() if self.seen is None else frozenset({"rep", "team"})
        return own | self.filters.keys()

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
class Answer:
    """A row: the period's first day, the key's surrogate (0 for the tenant), and the sums of the metric's
    parts.
    """

    period: date
    key: int
    sums: dict[Part, int]


async def answers(
    tx: Tx, question: Question, *, after: tuple[date, int] | None = None, limit: int | None = None
) -> list[Answer]:
    """Rows in the order of period and key, from the one after `after`; rows without any data are not
    there.
    """
    parts = question.metric.parts
    rows = (await tx.conn.execute(answers_statement(question, after=after, limit=limit))).all()
    return [Answer(row[0], row[1], {part: int(row[2 + at]) for at, part in enumerate(parts)}) for row in rows]


def answers_statement(
    question: Question, *, after: tuple[date, int] | None = None, limit: int | None = None
) -> Select[Any]:
    """The statement behind `answers`."""
    by: frozenset[Dimension] = frozenset() if question.by == "tenant" else frozenset({question.by})
    view = view_for(by | question.slice.dimensions)
    source = _FactSource() if view is None else _CellSource(view, question.grain)
    key = literal_column("0") if question.by == "tenant" else source.column(question.by)
    bucket = _bucket(question.grain, source.period)
    sums = [
        func.coalesce(source.sum(part), 0).label(f"p{at}") for at, part in enumerate(question.metric.parts)
    ]
    shown = question.metric.shown_by or question.metric.numerator
    statement = (
        select(bucket.label("bucket"), key.label("key"), *sums)
        .where(*source.scope(question), source.period.between(question.first, question.last))
        .where(*_slice(source, question.slice))
        .group_by(bucket, *([] if question.by == "tenant" else [key]))
        .having(or_(*(source.sum(part) != 0 for part in shown)))
        .order_by(literal_column("1"), literal_column("2"))
        .limit(limit)
    )
    if question.by != "tenant":
        statement = statement.where(key != 0)
    if after is not None:
        statement = statement.where(source.period >= after[0])
        statement = statement.where(tuple_(bucket, key) > tuple_(literal(after[0]), literal(after[1])))
    return statement


def _bucket(grain: Grain, period: Column[Any]) -> ColumnElement[date]:
    if grain == "day":
        return period
    if grain == "week":
        return period - (cast(func.extract("isodow", period), Integer) - 1)
    return cast(func.date_trunc(literal_column(f"'{grain}'"), period), Date)


class _CellSource:
    def __init__(self, view: View, grain: Grain) -> None:
        self._view = view
        self._grain = CELL_GRAIN[grain]
        self.period: Column[Any] = cells.c.period

    def column(self, dimension: Dimension) -> Column[Any]:
        column: Column[Any] = cells.c.key if self._view.dimensions[0] == dimension else cells.c.team
        return column

    def sum(self, part: Part) -> ColumnElement[Any]:
        slot = SLOTS[part.measure, part.column]
        total: ColumnElement[Any] = func.sum(cells.c[f"s{slot.index}"]).filter(cells.c.family == slot.family)
        return total

    def scope(self, question: Question) -> list[ColumnElement[bool]]:
        return [
            cells.c.tenant_id == question.tenant_id,
            cells.c.generation == _LIVE,
            cells.c.view == literal_column(str(self._view.number)),
            cells.c.grain == literal_column(str(self._grain.value)),
        ]


class _FactSource:
    def __init__(self) -> None:
        self.period: Column[Any] = facts.c.day

    def column(self, dimension: Dimension) -> Column[Any]:
        column: Column[Any] = facts.c[dimension]
        return column

    def sum(self, part: Part) -> ColumnElement[Any]:
        total: ColumnElement[Any] = func.sum(facts.c[part.column]).filter(
            facts.c.measure == part.measure.value
        )
        return total

    def scope(self, question: Question) -> list[ColumnElement[bool]]:
        return [
            facts.c.tenant_id == question.tenant_id,
            facts.c.generation == _LIVE,
            facts.c.measure.in_([measure.value for measure in question.metric.measures]),
        ]


_Source = _CellSource | _FactSource


def _slice(source: _Source, asked: Slice) -> list[ColumnElement[bool]]:
    conditions: list[ColumnElement[bool]] = [
        _one_of(source.column(dimension), asked.filters[dimension])
        for dimension in DIMENSIONS
        if dimension in asked.filters
    ]
    if asked.seen is not None:
        rep, team = source.column("rep"), source.column("team")
        conditions.append(or_(rep == asked.seen.rep, _one_of(team, asked.seen.teams)))
    return conditions


def _one_of(column: Column[Any], surrogates: frozenset[int]) -> ColumnElement[bool]:
    if len(surrogates) == 1:
        return column == next(iter(surrogates))
    return column == func.any(cast(sorted(surrogates), ARRAY(Integer)))


@dataclass(frozen=True, slots=True)
class Evidence:
    """One event that counts: its place in its stream, its facts' dimensions, `amount` summed over the
    measures.
    """

    event_id: UUID
    aggregate_id: UUID
    seq: int
    at_us: int
    day: date
    measure: int
    places: tuple[int, int, int, int, int]
    amount: int


async def evidence(
    tx: Tx, question: Question, *, after: tuple[int, UUID] | None = None, limit: int | None = None
) -> list[Evidence]:
    """The events whose facts stand within the question's bounds, in the order of event time."""
    return [
        Evidence(
            row.event_id, row.aggregate_id, row.seq, row.at_us, row.day, row.measure,
            (row.rep, row.team, row.region, row.product, row.channel), int(row.amount),
        )
        for row in await tx.conn.execute(evidence_statement(question, after=after, limit=limit))
    ]  # fmt: skip


def evidence_statement(
    question: Question, *, after: tuple[int, UUID] | None = None, limit: int | None = None
) -> Select[Any]:
    """The statement behind `evidence`: facts added up per event, without those that were taken back."""
    event = (
        facts.c.event_id, facts.c.aggregate_id, facts.c.seq, facts.c.at_us, facts.c.day,
        facts.c.rep, facts.c.team, facts.c.region, facts.c.product, facts.c.channel,
    )  # fmt: skip
    source = _FactSource()
    statement = (
        select(*event, func.min(facts.c.measure).label("measure"), func.sum(facts.c.v).label("amount"))
        .where(
            facts.c.tenant_id == question.tenant_id,
            facts.c.generation == _LIVE,
            facts.c.measure.in_([measure.value for measure in question.metric.evidence]),
            facts.c.day.between(question.first, question.last),
            *_slice(source, question.slice),
        )
        .group_by(*event)
        .having(func.sum(facts.c.n) != 0)
        .order_by(facts.c.at_us, facts.c.event_id)
        .limit(limit)
    )
    if after is not None:
        statement = statement.where(tuple_(facts.c.at_us, facts.c.event_id) > tuple_(*map(literal, after)))
    return statement
