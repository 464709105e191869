"""Questions about numbers: from cells where a view knows every dimension asked for, else from facts."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from typing import Any
from uuid import UUID

from sqlalchemy import (
    ARRAY,
    BigInteger,
    Column,
    ColumnElement,
    Date,
    Integer,
    Select,
    Uuid,
    bindparam,
    cast,
    func,
    literal_column,
    or_,
    select,
    tuple_,
)
from sqlalchemy.dialects.postgresql.asyncpg import dialect

from services.scoring.kpis.catalogue import METRICS, SLOTS, Measure, Metric, Part
from services.scoring.kpis.periods import Grain
from services.scoring.kpis.questions import Question, Shape, values_of
from services.scoring.kpis.tables import CONSUMER, cells, facts
from services.scoring.kpis.views import CELL_GRAIN, Dimension, View, view_for
from shared.database.transactions import Tx
from shared.events.tables import consumers

# Within the statement, so that it reads the pointer and the numbers in one snapshot.
_LIVE = (
    select(consumers.c.generation)
    .where(consumers.c.name == literal_column(f"'{CONSUMER}'"))
    .scalar_subquery()
)

_DIALECT = dialect()  # type: ignore[no-untyped-call]


@dataclass(frozen=True, slots=True)
class Answer:
    """A row: the period's first day, the key's surrogate (0 for the tenant), and the sums of the metric's
    parts.
    """

    period: date
    key: int
    sums: dict[Part, int]


@dataclass(frozen=True, slots=True)
class _Prepared:
    """A statement as the driver takes it: its text, and which parameter stands at which place."""

    text: str
    names: tuple[str, ...]

    async def fetch(self, tx: Tx, values: Mapping[str, Any]) -> list[Any]:
        return list(await tx.connection.fetch(self.text, *(values[name] for name in self.names)))


# Building a statement takes longer than answering it: each shape is built once.
@lru_cache(1000)
def _prepared(make: Callable[[Shape], Select[Any]], shape: Shape) -> _Prepared:
    compiled = make(shape).compile(dialect=_DIALECT)
    names = compiled.positiontup
    assert names is not None  # noqa: S101 - the dialect's parameters have places
    return _Prepared(str(compiled), tuple(names))


async def answers(
    tx: Tx, question: Question, *, after: tuple[date, int] | None = None, limit: int | None = None
) -> list[Answer]:
    """Rows in the order of period and key, from the one after `after`; rows without any data are not
    there.
    """
    parts = question.metric.parts
    statement = _prepared(answers_statement, Shape.of(question, after, limit))
    rows = await statement.fetch(tx, values_of(question, after, limit))
    return [Answer(row[0], row[1], {part: int(row[2 + at]) for at, part in enumerate(parts)}) for row in rows]


def answers_statement(shape: Shape) -> Select[Any]:
    """The statement behind `answers`."""
    metric = METRICS[shape.metric]
    view = view_for(shape.dimensions)
    source = _FactSource() if view is None else _CellSource(view, shape.grain)
    key = literal_column("0") if shape.by == "tenant" else source.column(shape.by)
    bucket = _bucket(shape.grain, source.period)
    sums = [
        func.coalesce(source.sum(part), _number(0)).label(f"p{at}") for at, part in enumerate(metric.parts)
    ]
    shown = metric.shown_by or metric.numerator
    statement = (
        select(bucket.label("bucket"), key.label("key"), *sums)
        .where(*source.scope(metric), source.period.between(bindparam("first"), bindparam("last")))
        .where(*_slice(source, shape))
        .group_by(bucket, *([] if shape.by == "tenant" else [key]))
        .having(or_(*(source.sum(part) != _number(0) for part in shown)))
        .order_by(literal_column("1"), literal_column("2"))
    )
    if shape.limited:
        statement = statement.limit(bindparam("most", type_=Integer))
    if shape.by != "tenant":
        statement = statement.where(key != _number(0))
    if shape.after:
        at, after_key = bindparam("after", type_=Date), bindparam("after_key", type_=Integer)
        statement = statement.where(source.period >= at)
        statement = statement.where(tuple_(bucket, key) > tuple_(at, after_key))
    return statement


def _number(value: int) -> ColumnElement[int]:
    """A number that belongs to the statement's shape."""
    return literal_column(str(int(value)), Integer)


def _bucket(grain: Grain, period: Column[Any]) -> ColumnElement[date]:
    if grain == "day":
        return period
    if grain == "week":
        return period - (cast(func.extract("isodow", period), Integer) - _number(1))
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
        total: ColumnElement[Any] = func.sum(cells.c[f"s{slot.index}"]).filter(
            cells.c.family == _number(slot.family)
        )
        return total

    def scope(self, _metric: Metric) -> list[ColumnElement[bool]]:
        return [
            cells.c.tenant_id == bindparam("tenant"),
            cells.c.generation == _LIVE,
            cells.c.view == _number(self._view.number),
            cells.c.grain == _number(self._grain.value),
        ]


class _FactSource:
    def __init__(self) -> None:
        self.period: Column[Any] = facts.c.day

    def column(self, dimension: Dimension) -> Column[Any]:
        column: Column[Any] = facts.c[dimension]
        return column

    def sum(self, part: Part) -> ColumnElement[Any]:
        total: ColumnElement[Any] = func.sum(facts.c[part.column]).filter(
            facts.c.measure == _number(part.measure)
        )
        return total

    def scope(self, metric: Metric) -> list[ColumnElement[bool]]:
        return _facts_of(metric.measures)


_Source = _CellSource | _FactSource


def _facts_of(measures: Iterable[Measure]) -> list[ColumnElement[bool]]:
    return [
        facts.c.tenant_id == bindparam("tenant"),
        facts.c.generation == _LIVE,
        facts.c.measure.in_([_number(measure) for measure in measures]),
    ]


def _slice(source: _Source, shape: Shape) -> list[ColumnElement[bool]]:
    conditions = [_one_of(source.column(name), name, several) for name, several in shape.filters]
    if shape.seen is not None:
        rep = source.column("rep") == bindparam("seen_rep", type_=Integer)
        conditions.append(or_(rep, _one_of(source.column("team"), "seen_teams", shape.seen)))
    return conditions


def _one_of(column: Column[Any], name: str, several: bool) -> ColumnElement[bool]:
    if several:
        return column == func.any(bindparam(name, type_=ARRAY(Integer)))
    return column == bindparam(name, type_=Integer)


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
    statement = _prepared(evidence_statement, Shape.of(question, after, limit))
    return [
        Evidence(
            row["event_id"], row["aggregate_id"], row["seq"], row["at_us"], row["day"], row["measure"],
            (row["rep"], row["team"], row["region"], row["product"], row["channel"]), int(row["amount"]),
        )
        for row in await statement.fetch(tx, values_of(question, after, limit))
    ]  # fmt: skip


def evidence_statement(shape: Shape) -> Select[Any]:
    """The statement behind `evidence`: facts added up per event, without those that were taken back."""
    event = (
        facts.c.event_id, facts.c.aggregate_id, facts.c.seq, facts.c.at_us, facts.c.day,
        facts.c.rep, facts.c.team, facts.c.region, facts.c.product, facts.c.channel,
    )  # fmt: skip
    statement = (
        select(*event, func.min(facts.c.measure).label("measure"), func.sum(facts.c.v).label("amount"))
        .where(
            *_facts_of(METRICS[shape.metric].evidence),
            facts.c.day.between(bindparam("first"), bindparam("last")),
            *_slice(_FactSource(), shape),
        )
        .group_by(*event)
        .having(func.sum(facts.c.n) != _number(0))
        .order_by(facts.c.at_us, facts.c.event_id)
    )
    if shape.limited:
        statement = statement.limit(bindparam("most", type_=Integer))
    if shape.after:
        after = bindparam("after", type_=BigInteger), bindparam("after_key", type_=Uuid)
        statement = statement.where(tuple_(facts.c.at_us, facts.c.event_id) > tuple_(*after))
    return statement
