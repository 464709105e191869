"""What a consumer keeps in PostgreSQL: offsets, places, parked events, dead letters. Set-based, whatever the
batch.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from operator import itemgetter
from typing import Any
from uuid import UUID

import asyncpg

from shared.database.connections import Raw
from shared.events.consuming.decide import Key, Place, Planner
from shared.events.consuming.starting import Stored
from shared.events.envelope import Received, Unplaceable, pack_headers, unpack_headers
from shared.events.kafka import Record
from shared.events.tables import positions


class Fenced(Exception):
    """Somebody else moved these offsets or places: what was done rests on an old reading and is rolled
    back.
    """


@dataclass(frozen=True, slots=True)
class Advance:
    """A partition's way through a batch: from `start` to `next`; the last record's id and publish time."""

    stream: str
    partition: int
    start: int
    next: int
    before_id: UUID
    published_at: datetime
    log_end: int


_FENCE = """
with locked as materialized (
    select o.stream, o.partition from offsets o
    join unnest($2::text[], $3::int[]) u(stream, partition) using (stream, partition)
    where o.consumer = $1 order by o.stream, o.partition for update of o)
update offsets o set next = u.next, before_id = u.before_id, log_end = u.log_end,
    published_at = greatest(o.published_at, u.published_at)
from unnest($2::text[], $3::int[], $4::bigint[], $5::bigint[], $6::uuid[], $7::timestamptz[], $8::bigint[])
    u(stream, partition, start, next, before_id, published_at, log_end)
join locked using (stream, partition)
where o.consumer = $1 and o.stream = u.stream and o.partition = u.partition and o.next = u.start
"""


async def fence(raw: Raw, consumer: str, advances: Iterable[Advance]) -> None:
    """Move the offsets from where this reader believes they are. Raises Fenced when they are elsewhere."""
    rows = sorted(advances, key=lambda a: (a.stream, a.partition))
    tag = await raw.execute(
        _FENCE, consumer, [a.stream for a in rows], [a.partition for a in rows], [a.start for a in rows],
        [a.next for a in rows], [a.before_id for a in rows], [a.published_at for a in rows],
        [a.log_end for a in rows],
    )  # fmt: skip
    if tag != f"UPDATE {len(rows)}":
        raise Fenced(f"{consumer}: offsets moved ({tag} of {len(rows)})")


async def load_offsets(
    raw: Raw, consumer: str, wanted: Sequence[tuple[str, int]]
) -> dict[tuple[str, int], Stored]:
    """The stored places of these partitions; one that has none yet begins at 0."""
    rows = await raw.fetch(
        """insert into offsets (consumer, stream, partition, next)
        select $1, u.stream, u.partition, 0 from unnest($2::text[], $3::int[]) u(stream, partition)
        order by 2, 3 on conflict do nothing
        returning stream, partition, next, before_id""",
        consumer, [stream for stream, _ in wanted], [partition for _, partition in wanted],
    )  # fmt: skip
    rows += await raw.fetch(
        "select stream, partition, next, before_id from offsets where consumer = $1", consumer
    )
    found = {(row["stream"], row["partition"]): Stored(row["next"], row["before_id"]) for row in rows}
    return {place: found[place] for place in wanted}


async def stored_next(raw: Raw, consumer: str) -> dict[tuple[str, int], int]:
    """The next offset of each partition that this consumer has read."""
    rows = await raw.fetch("select stream, partition, next from offsets where consumer = $1", consumer)
    return {(row["stream"], row["partition"]): row["next"] for row in rows}


async def move_offset(raw: Raw, consumer: str, stream: str, partition: int, old: int, new: int) -> bool:
    """Set a partition's place anew, unless somebody moved it meanwhile."""
    tag = await raw.execute(
        "update offsets set next = $5, before_id = null where consumer = $1 and stream = $2"
        " and partition = $3 and next = $4",
        consumer, stream, partition, old, new,
    )  # fmt: skip
    return tag == "UPDATE 1"


async def lock_places(raw: Raw, consumer: str, keys: Sequence[Key]) -> dict[Key, Place]:
    """The places of these aggregates, locked in the order of `keys`, which is sorted."""
    rows = await raw.fetch(
        """select p.stream, p.aggregate_id, p.epoch, p.seq, p.event_id, p.dead_seq, p.parked, p.settling,
            p.met
        from unnest($2::text[], $3::uuid[]) u(stream, aggregate_id)
        join positions p on p.consumer = $1 and p.stream = u.stream and p.aggregate_id = u.aggregate_id
        order by p.stream, p.aggregate_id for update of p""",
        consumer, [stream for stream, _ in keys], [aggregate for _, aggregate in keys],
    )  # fmt: skip
    return {
        (stream, aggregate): Place(epoch, seq, event_id, dead_seq, parked, settling, met)
        for stream, aggregate, epoch, seq, event_id, dead_seq, parked, settling, met in rows
    }


COPIED = 100
"""So many new places, and more, are copied: a third of what inserting them costs, once there are many."""
_COLUMNS = [column.name for column in positions.columns]
# Rows come as rows of the table: an array of each column costs several times as much to send and to read.
_ADD = """insert into positions select * from unnest($1::positions[]) order by stream, aggregate_id
on conflict do nothing"""
_MOVE = """update positions p set epoch = u.epoch, seq = u.seq, event_id = u.event_id, dead_seq = u.dead_seq,
    parked = u.parked, settling = u.settling, met = u.met
from unnest($2::positions[]) u
where p.consumer = $1 and p.stream = u.stream and p.aggregate_id = u.aggregate_id"""


async def save_places(
    raw: Raw,
    consumer: str,
    before: Mapping[Key, Place],
    after: Mapping[Key, Place],
    tenants: Mapping[Key, UUID],
) -> None:
    """Store changed places. Raises Fenced when one that was not there has appeared."""
    rows = [
        (consumer, *key, tenants[key], place.epoch, place.seq, place.event_id, place.dead_seq, place.parked,
        place.settling, place.met)
        for key, place in after.items()
    ]  # fmt: skip
    fresh = [row for row, key in zip(rows, after, strict=True) if key not in before]
    moved = [row for row, key in zip(rows, after, strict=True) if key in before]
    if fresh and not await _added(raw, fresh):
        raise Fenced(f"{consumer}: places appeared meanwhile")
    if moved and await raw.execute(_MOVE, consumer, moved) != f"UPDATE {len(moved)}":
        raise Fenced(f"{consumer}: places are no more")


async def _added(raw: Raw, fresh: Sequence[tuple[Any, ...]]) -> bool:
    """Whether none of these new places had appeared meanwhile."""
    if len(fresh) < COPIED:
        return await raw.execute(_ADD, fresh) == f"INSERT 0 {len(fresh)}"
    ordered = sorted(fresh, key=itemgetter(slice(3)))
    try:
        await raw.copy_records_to_table("positions", records=ordered, columns=_COLUMNS)
    except asyncpg.UniqueViolationError:
        return False
    return True


def _restored(row: Any, stream: str) -> Received:
    return Received(
        row["topic"], row["partition"], row["offset"], row["timestamp_ms"], row["key"], row["value"],
        unpack_headers(row["headers"]), stream=stream,
    )  # fmt: skip


async def load_parked(
    raw: Raw, consumer: str, keys: Sequence[Key]
) -> dict[Key, dict[tuple[int, int], Received]]:
    """What is parked for these aggregates."""
    found: dict[Key, dict[tuple[int, int], Received]] = {}
    if not keys:
        return found
    rows = await raw.fetch(
        """select p.*, p.aggregate_id::text::bytea as key from parked p
        join unnest($2::text[], $3::uuid[]) u(stream, aggregate_id) using (stream, aggregate_id)
        where p.consumer = $1""",
        consumer, [stream for stream, _ in keys], [aggregate for _, aggregate in keys],
    )  # fmt: skip
    for row in rows:
        key = (row["stream"], row["aggregate_id"])
        found.setdefault(key, {})[row["epoch"], row["seq"]] = _restored(row, row["stream"])
    return found


async def ready(raw: Raw, consumer: str) -> list[Key]:
    """Aggregates whose next event is parked although nothing is in its way; some, if there are many."""
    rows = await raw.fetch(
        """select p.stream, p.aggregate_id
        from parked k join positions p using (consumer, stream, aggregate_id)
        where k.consumer = $1 and p.dead_seq is null and k.epoch = p.epoch and k.seq = p.seq + 1
        order by p.stream, p.aggregate_id limit 100""",
        consumer,
    )
    return [(row["stream"], row["aggregate_id"]) for row in rows]


async def save_parking(raw: Raw, consumer: str, plan: Planner[Received]) -> None:
    """Park what must wait, and remove what waits no more."""
    if plan.unpark:
        await raw.execute(
            """delete from parked p using unnest($2::text[], $3::uuid[], $4::int[], $5::bigint[])
                u(stream, aggregate_id, epoch, seq)
            where p.consumer = $1 and p.stream = u.stream and p.aggregate_id = u.aggregate_id
                and p.epoch = u.epoch and p.seq = u.seq""",
            consumer, [key[0] for key, _, _ in plan.unpark], [key[1] for key, _, _ in plan.unpark],
            [epoch for _, epoch, _ in plan.unpark], [seq for _, _, seq in plan.unpark],
        )  # fmt: skip
    if plan.park:
        await raw.executemany(
            """insert into parked (consumer, stream, aggregate_id, epoch, seq, event_id, topic, partition,
            "offset",
                timestamp_ms, headers, value)
            values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12) on conflict do nothing""",
            [
                (consumer, m.stream, m.aggregate_id, m.epoch, m.seq, m.event_id, m.topic, m.partition,
                m.offset,
                 m.timestamp_ms, pack_headers(m.headers), m.value)
                for m in plan.park.values()
            ],
        )  # fmt: skip


_DEAD = """
insert into dead_letters (consumer, event_id, reason, attempts, type, tenant_id, stream, aggregate_id, epoch,
seq,
    topic, partition, "offset", timestamp_ms, key, headers, value)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17)
on conflict (consumer, event_id) do update set reason = excluded.reason, state = 'waiting', resolved_at =
null,
    attempts = dead_letters.attempts + excluded.attempts
"""


async def save_dead(raw: Raw, consumer: str, plan: Planner[Received]) -> None:
    """Set events aside, with the reason of each."""
    if plan.dead:
        await raw.executemany(
            _DEAD,
            [
                (consumer, m.event_id, dead.reason, dead.attempts, m.type, m.tenant_id, m.stream,
                m.aggregate_id,
                 m.epoch, m.seq, m.topic, m.partition, m.offset, m.timestamp_ms, m.key,
                 pack_headers(m.headers), m.value)
                for dead in plan.dead
                for m in (dead.mark,)
            ],
        )  # fmt: skip


async def save_junk(raw: Raw, consumer: str, junk: Sequence[tuple[Record, str, UUID, str]]) -> None:
    """Set aside records that have no place: (record, stream, id, reason)."""
    if junk:
        await raw.executemany(
            _DEAD,
            [
                (consumer, identity, reason, 1, None, None, stream, None, None, None, r.topic, r.partition,
                r.offset,
                 r.timestamp_ms, r.key, pack_headers(r.headers), r.value or b"")
                for r, stream, identity, reason in junk
            ],
        )  # fmt: skip


async def requested(raw: Raw, consumer: str) -> list[int]:
    """Dead letters that somebody asked to replay or discard."""
    rows = await raw.fetch(
        "select id from dead_letters where consumer = $1 and resolved_at is null"
        " and state in ('replay', 'discard') order by id limit 100",
        consumer,
    )
    return [row["id"] for row in rows]


async def discarded(raw: Raw, name: str) -> frozenset[UUID]:
    """Events that somebody passed over for good, under any generation of this consumer."""
    rows = await raw.fetch(
        "select event_id from dead_letters where split_part(consumer, '#', 1) = $1 and state = 'discarded'",
        name,
    )
    return frozenset(row["event_id"] for row in rows)


@dataclass(frozen=True, slots=True)
class Letter:
    """A dead letter taken up again; `event` is None where its headers still do not place it."""

    id: int
    wish: str
    event: Received | None


async def take_letter(raw: Raw, letter: int) -> Letter | None:
    """Lock a requested dead letter; None when another worker has it, or it was dealt with."""
    row = await raw.fetchrow(
        "select * from dead_letters where id = $1 and resolved_at is null and state in ('replay', 'discard')"
        " for update skip locked",
        letter,
    )
    if row is None:
        return None
    try:
        return Letter(letter, row["state"], _restored(row, row["stream"]))
    except Unplaceable:
        return Letter(letter, row["state"], None)


async def close_letter(raw: Raw, letter: int, state: str) -> None:
    await raw.execute("update dead_letters set state = $2, resolved_at = now() where id = $1", letter, state)


async def keep_letter(raw: Raw, letter: int, reason: str) -> None:
    """It could not be applied this time either."""
    await raw.execute(
        "update dead_letters set state = 'waiting', reason = $2, attempts = attempts + 1 where id = $1",
        letter,
        reason,
    )
