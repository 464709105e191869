"""The journal: what a transaction changed is recorded in that same transaction, with the seq that orders
it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any, NamedTuple
from uuid import UUID

import asyncpg
from sqlalchemy import Table

from shared.contracts.base import Event
from shared.database.rows import Columns, Form
from shared.database.transactions import Told, Tx
from shared.events.positions import Position
from shared.ids import new_id
from shared.observability.traces import current_or_new_traceparent


class NewEvent(NamedTuple):
    """An event about to be recorded. `occurred_at` is event time: when it happened in the business."""

    aggregate_id: UUID
    event: Event
    occurred_at: datetime
    causation_id: UUID | None = None
    """None: the transaction's cause, if it has one."""
    historic: bool = False
    traceparent: str | None = None
    """None: it belongs to the trace that is under way."""


@dataclass(frozen=True, slots=True)
class Stream:
    """Facts about aggregates that have no table of their own; their seq stands in `streams`."""

    aggregate_type: str


class AggregateMissing(Exception):
    """An event was to be recorded for a row that is not there (or that row-level security hides)."""


@dataclass(frozen=True, slots=True)
class RowChange:
    """Rows inserted or changed by the statement that records the events about them: one round trip for both.

    `items` are common table expressions over $1 … $n, `arguments` their n values; `answer` ends the
    statement. `patches` is an expression over them, a JSON object `{aggregate_id: patch}` or null: fields of
    those aggregates' first events that only the statement itself finds out.
    """

    items: str
    arguments: Sequence[Any]
    answer: str = "select"
    patches: str | None = None

    @classmethod
    def of(cls, *statements: tuple[str, Sequence[Any]]) -> RowChange:
        """Of statements that each write their own parameters as {0}, {1} …"""
        numbered = _numbered(tuple((words, len(values)) for words, values in statements))
        return cls(numbered, [value for _, values in statements for value in values])


# ruff: noqa: S608 - the only names put into statements are those of our own tables
_EVENTS = Columns(
    (
        ("event_id", "uuid"), ("type", "text"), ("aggregate_type", "text"), ("aggregate_id", "uuid"),
        ("k", "bigint"), ("occurred_at", "timestamptz"), ("causation_id", "uuid"), ("historic", "boolean"),
        ("payload", "text"), ("traceparent", "text"),
    ),
    alike={"type", "aggregate_type", "k", "occurred_at", "causation_id", "historic"},
    marked={"payload"},
)  # fmt: skip
_COLUMNS = """tenant_id, event_id, type, aggregate_type, aggregate_id, seq, occurred_at, causation_id,
    traceparent, historic, payload"""


def _append(first: int, form: Form, *, seq: str, join: str = "", payload: str = "x.payload") -> str:
    """Common table expressions that append events: parameters are the tenant and the fields, from `first`.

    `order by` before the default of `id` is drawn: ids ascend in the order given.
    """
    ordered = "" if form == "one" else "order by x.ord"
    return f"""e as (insert into events ({_COLUMNS})
    select ${first}::uuid, x.event_id, x.type, x.aggregate_type, x.aggregate_id, {seq}, x.occurred_at,
    x.causation_id, x.traceparent, x.historic, {payload}
    from {_EVENTS.relation("x", form, first + 1)} {join} {ordered} returning id),
p as (insert into outbox_pending select id from e)"""


_FIRST = """select event_id, type, occurred_at, payload from events
where tenant_id = $1 and aggregate_id = $2 and seq = 1"""


@cache
def _numbered(statements: tuple[tuple[str, int], ...]) -> str:
    items, first = [], 1
    for number, (words, count) in enumerate(statements):
        items.append(f"c{number} as ({words.format(*(f'${first + at}' for at in range(count)))})")
        first += count
    return ", ".join(items)


@cache
def _created(form: Form) -> str:
    return f"with {_append(1, form, seq='x.k')} select"


@cache
def _changed(items: str, answer: str, patches: str | None, first: int, form: Form) -> str:
    if patches is None:
        appended = _append(first, form, seq="x.k")
    else:
        patch = f"{patches} -> x.aggregate_id::text"
        patched = f"""case when {patches} is null or x.k <> 1 then x.payload
    else coalesce((x.payload::jsonb || ({patch}))::text, x.payload) end"""
        appended = _append(first, form, seq="x.k", payload=patched)
    return f"with {items}, {appended} {answer}"


_BUMP_STREAMS = """insert into streams as s (tenant_id, aggregate_id, seq)
    select $1, u.id, u.n from unnest($12::uuid[], $13::bigint[]) u(id, n) order by u.id
    on conflict (tenant_id, aggregate_id) do update set seq = s.seq + excluded.seq
    returning s.aggregate_id as id, s.seq"""


@cache
def _bump_table(table: str, several: bool) -> str:
    # The id order of locks is one for everybody; a single row needs no order.
    locked = (
        f"""(select u.id, u.n from unnest($12::uuid[], $13::bigint[]) u(id, n)
        join {table} t on t.tenant_id = $1 and t.id = u.id order by t.id for update of t)"""
        if several
        else "unnest($12::uuid[], $13::bigint[])"
    )
    return f"""update {table} a set seq = a.seq + u.n from {locked} u(id, n)
    where a.tenant_id = $1 and a.id = u.id returning a.id, a.seq"""


@cache
def _existing(bump: str, form: Form) -> str:
    # An event's id is drawn only for rows that come out of `a`: after the aggregate's row is locked.
    appended = _append(1, form, seq="a.seq - x.k", join="join a on a.id = x.aggregate_id")
    return f"with a as materialized ({bump}), {appended} select id, seq from a"


async def record_events(
    tx: Tx, aggregate: Table | Stream, events: Sequence[NewEvent], *, created: bool = False
) -> list[Position]:
    """Append events, in the order given, to the journal and to what is pending; one statement whatever their
    number.

    `created`: the aggregates' rows were inserted in this transaction, each with `seq` = the number of its
    events here; otherwise the rows' `seq` is raised (which locks them, in id order). The positions of the
    events, also added to `tx.recorded`. Raises AggregateMissing when a row to raise is not there.
    """
    if not events:
        return []
    if tx.tenant_id is None:
        raise ValueError("events are recorded in a transaction of a tenant")
    counts, places = _counted(events)
    if created and isinstance(aggregate, Table):
        form, values = _sent(tx, events, places)
        await tx.connection.execute(_created(form), tx.tenant_id, *values)
    else:
        left = [counts[event.aggregate_id] - place for event, place in zip(events, places, strict=True)]
        raised = await _raise_and_append(tx, aggregate, _sent(tx, events, left), counts)
        places = [raised[event.aggregate_id] - k for event, k in zip(events, left, strict=True)]
        _told(tx, events, places)
    return _recorded(tx, events, places)


async def change_and_record(
    tx: Tx, change: RowChange, events: Sequence[NewEvent], *, above: Mapping[UUID, int] | None = None
) -> list[asyncpg.Record]:
    """Insert or change rows of aggregates and append their events, whatever their number, by one statement.

    `above`: the seqs, so far, of aggregates that were there before; the transaction has locked their rows.
    `change` stores each row with that (new ones: 0) + the number of its events here as `seq`. Answers what
    `change.answer` selects; the positions are added to `tx.recorded`.
    """
    if tx.tenant_id is None:
        raise ValueError("events are recorded in a transaction of a tenant")
    _, seqs = _counted(events)
    if above:
        seqs = [above.get(event.aggregate_id, 0) + place for event, place in zip(events, seqs, strict=True)]
    form, values = _sent(tx, events, seqs)
    statement = _changed(change.items, change.answer, change.patches, len(change.arguments) + 1, form)
    rows = await tx.connection.fetch(statement, *change.arguments, tx.tenant_id, *values)
    _recorded(tx, events, seqs)
    if above:
        _told(tx, events, seqs)
    return list(rows)


async def first_event(tx: Tx, aggregate_id: UUID) -> asyncpg.Record | None:
    """The aggregate's event of seq 1: `event_id`, `type`, `occurred_at`, `payload` as JSON text.

    None: it has none, or its payload was emptied.
    """
    row = await tx.connection.fetchrow(_FIRST, tx.tenant_id, aggregate_id)
    return row if row is not None and row["payload"] else None


async def _raise_and_append(
    tx: Tx, aggregate: Table | Stream, sent: tuple[Form, list[Any]], counts: Counter[UUID]
) -> dict[UUID, int]:
    bump = _BUMP_STREAMS if isinstance(aggregate, Stream) else _bump_table(aggregate.name, len(counts) > 1)
    form, values = sent
    rows = await tx.connection.fetch(
        _existing(bump, form), tx.tenant_id, *values, list(counts), list(counts.values())
    )
    if len(rows) != len(counts):
        missing = set(counts) - {row["id"] for row in rows}
        raise AggregateMissing(
            f"no row for {len(missing)} of {len(counts)} aggregates, such as {missing.pop()}"
        )
    return {row["id"]: row["seq"] for row in rows}


def _counted(events: Sequence[NewEvent]) -> tuple[Counter[UUID], list[int]]:
    """How many events each aggregate has here, and the place of each event among its aggregate's, from 1."""
    counts: Counter[UUID] = Counter()
    places = []
    for event in events:
        # Hashing an id costs more than all else here.
        place = counts.get(event.aggregate_id, 0) + 1
        counts[event.aggregate_id] = place
        places.append(place)
    return counts, places


def _sent(tx: Tx, events: Sequence[NewEvent], ks: Sequence[int]) -> tuple[Form, list[Any]]:
    """How the events travel with their `k`, and the parameters."""
    under_way = current_or_new_traceparent()
    rows: list[tuple[Any, ...]] = []
    for new, k in zip(events, ks, strict=True):
        event = new.event
        about = (new_id(), event.type_name(), event.aggregate_type, new.aggregate_id, k)
        payload = event.__pydantic_serializer__.to_json(event).decode()
        trace = new.traceparent or under_way
        cause = new.causation_id or tx.cause
        rows.append((*about, new.occurred_at, cause, new.historic, payload, trace))
    return _EVENTS.sent(list(zip(*rows, strict=True)))


def _recorded(tx: Tx, events: Sequence[NewEvent], seqs: Sequence[int]) -> list[Position]:
    positions = [
        Position(each.event.topic, each.aggregate_id, seq) for each, seq in zip(events, seqs, strict=True)
    ]
    tx.recorded.extend(positions)
    return positions


def _told(tx: Tx, events: Sequence[NewEvent], seqs: Sequence[int]) -> None:
    """What became of aggregates that were there before: of new ones their own rows say who made them."""
    tx.told.extend(
        Told(
            each.aggregate_id,
            seq,
            each.event,
            each.occurred_at,
            each.historic,
            tx.author,
            each.causation_id or tx.cause,
        )
        for each, seq in zip(events, seqs, strict=True)
    )
