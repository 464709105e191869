"""The journal: what a transaction changed is recorded in that same transaction, with the seq that orders
it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any
from uuid import UUID

from sqlalchemy import Table

from shared.contracts.base import Event
from shared.database.transactions import Tx
from shared.events.positions import Position
from shared.ids import new_id
from shared.observability.traces import current_or_new_traceparent


@dataclass(frozen=True, slots=True)
class NewEvent:
    """An event about to be recorded. `occurred_at` is event time: when it happened in the business."""

    aggregate_id: UUID
    event: Event
    occurred_at: datetime
    causation_id: UUID | None = None
    historic: bool = False


@dataclass(frozen=True, slots=True)
class Stream:
    """Facts about aggregates that have no table of their own; their seq stands in `streams`."""

    aggregate_type: str


class AggregateMissing(Exception):
    """An event was to be recorded for a row that is not there (or that row-level security hides)."""


# ruff: noqa: S608 - the only names put into statements are those of our own tables
_SOURCE = """unnest($2::uuid[], $3::text[], $4::text[], $5::uuid[], $6::bigint[], $7::timestamptz[],
    $8::uuid[], $9::boolean[], $10::text[]) with ordinality
    x(event_id, type, aggregate_type, aggregate_id, k, occurred_at, causation_id, historic, payload, ord)"""
_COLUMNS = """tenant_id, event_id, type, aggregate_type, aggregate_id, seq, occurred_at, causation_id,
    traceparent, historic, payload"""


def _values(seq: str) -> str:
    return f"""$1::uuid, x.event_id, x.type, x.aggregate_type, x.aggregate_id, {seq}, x.occurred_at,
    x.causation_id, $11::text, x.historic, x.payload"""


# `order by` before the default of `id` is drawn: ids ascend in the order given.
_CREATED = f"""with e as (
    insert into events ({_COLUMNS}) select {_values("x.k")} from {_SOURCE} order by x.ord returning id)
insert into outbox_pending select id from e"""

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
def _existing(bump: str) -> str:
    # An event's id is drawn only for rows that come out of `a`: after the aggregate's row is locked.
    return f"""with a as materialized ({bump}),
e as (insert into events ({_COLUMNS}) select {_values("a.seq - x.k")} from {_SOURCE}
    join a on a.id = x.aggregate_id order by x.ord returning id),
p as (insert into outbox_pending select id from e)
select id, seq from a"""


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
    counts = Counter(event.aggregate_id for event in events)
    if created and isinstance(aggregate, Table):
        raised = dict(counts)
        await tx.connection.execute(_CREATED, tx.tenant_id, *_arrays(events, counts, ascending=True))
    else:
        raised = await _raise_and_append(tx, aggregate, events, counts)
    return _positions(tx, events, counts, raised)


async def _raise_and_append(
    tx: Tx, aggregate: Table | Stream, events: Sequence[NewEvent], counts: Counter[UUID]
) -> dict[UUID, int]:
    bump = _BUMP_STREAMS if isinstance(aggregate, Stream) else _bump_table(aggregate.name, len(counts) > 1)
    rows = await tx.connection.fetch(
        _existing(bump),
        tx.tenant_id,
        *_arrays(events, counts, ascending=False),
        list(counts),
        list(counts.values()),
    )
    if len(rows) != len(counts):
        missing = set(counts) - {row["id"] for row in rows}
        raise AggregateMissing(
            f"no row for {len(missing)} of {len(counts)} aggregates, such as {missing.pop()}"
        )
    return {row["id"]: row["seq"] for row in rows}


def _arrays(events: Sequence[NewEvent], counts: Counter[UUID], *, ascending: bool) -> list[Any]:
    """The columns of `_SOURCE` and the trace. `k` counts an aggregate's events: from 1 up, or from n-1 down
    to 0.
    """
    ordinals: list[int] = []
    seen: Counter[UUID] = Counter()
    for event in events:
        seen[event.aggregate_id] += 1
        so_far = seen[event.aggregate_id]
        ordinals.append(so_far if ascending else counts[event.aggregate_id] - so_far)
    return [
        [new_id() for _ in events],
        [event.event.type_name() for event in events],
        [event.event.aggregate_type for event in events],
        [event.aggregate_id for event in events],
        ordinals,
        [event.occurred_at for event in events],
        [event.causation_id for event in events],
        [event.historic for event in events],
        [event.event.model_dump_json() for event in events],
        current_or_new_traceparent(),
    ]


def _positions(
    tx: Tx, events: Sequence[NewEvent], counts: Counter[UUID], raised: dict[UUID, int]
) -> list[Position]:
    left = Counter(counts)
    positions = []
    for event in events:
        left[event.aggregate_id] -= 1
        seq = raised[event.aggregate_id] - left[event.aggregate_id]
        positions.append(Position(event.event.topic, event.aggregate_id, seq))
    tx.recorded.extend(positions)
    return positions
