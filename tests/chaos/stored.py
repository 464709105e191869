"""What databases and topics hold of one tenant."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from shared.events.envelope import Received, Unplaceable
from shared.events.kafka import Reader, TopicPartition
from shared.events.streams import PUBLISHED
from shared.events.topics import partitions_of
from tests.chaos.checks import Told
from tests.chaos.stack import Connection, Stack

UNDO = "undo "
"""Before a merge's mark: the mark of its undoing."""

_MARKS = {
    "leads": f"""
        select custom->>'mark' as mark, count(*) from leads where tenant_id = $1 group by 1
        union all select reason, count(*) from assignments where tenant_id = $1 and how = 'manual' group by 1
        union all select reason, count(*) from stage_history where tenant_id = $1 group by 1
        union all select reason, count(*) from merges where tenant_id = $1 group by 1
        union all select '{UNDO}' || reason, count(undone_at) from merges where tenant_id = $1 group by 1""",  # noqa: S608
    "activities": "select note as mark, count(*) from activities where tenant_id = $1 group by 1",
}
_JOURNAL = """
select event_id, type, aggregate_id, seq, occurred_at, payload, id from events
where tenant_id = $1 order by id
"""


@dataclass(frozen=True, slots=True)
class Row:
    """An event of the journal, as `tests.support.recompute` wants it too; `id` is its place there."""

    event_id: UUID
    type: str
    aggregate_id: UUID
    seq: int
    occurred_at: datetime
    value: bytes
    id: int

    @property
    def told(self) -> Told:
        return Told(self.event_id, self.aggregate_id, self.seq, self.type)


async def effects(stack: Stack, tenant_id: UUID) -> Counter[str]:
    """How often each mark is stored, over all services."""
    found: Counter[str] = Counter()
    for service, query in _MARKS.items():
        async with stack.database(service) as connection:
            for row in await connection.fetch(query, tenant_id):
                if row["mark"] is not None:
                    found[row["mark"]] += row["count"]
    return found


async def journal(stack: Stack, service: str, tenant_id: UUID) -> list[Row]:
    """The tenant's events in a service's journal, in its order."""
    async with stack.database(service) as connection:
        return await journal_in(connection, tenant_id)


async def journal_in(connection: Connection, tenant_id: UUID) -> list[Row]:
    """The tenant's events in the journal of this database, in its order."""
    async with connection.transaction():
        return [
            Row(row[0], row[1], row[2], row[3], row[4], row[5].encode(), row[6])
            async for row in connection.cursor(_JOURNAL, tenant_id, prefetch=5000)
        ]


async def log(stack: Stack, service: str, tenant_id: UUID) -> list[Told]:
    """The tenant's records in the topics that a service publishes, each partition in order, to their ends."""
    return [
        Told(UUID(str(found.event_id)), UUID(str(found.aggregate_id)), found.seq, found.type)
        async for found in _records(stack, PUBLISHED[service])
        if found.tenant_id == tenant_id
    ]


async def _records(stack: Stack, streams: tuple[str, ...]) -> AsyncIterator[Received]:
    settings = stack.settings
    reader = Reader(settings.kafka_bootstrap, "cox-chaos", group=None)
    await reader.start()
    try:
        places = partitions_of(streams, settings.topic_prefix)
        bounds = await reader.bounds(places)
        left = {place: end for place, (begin, end) in bounds.items() if begin < end}
        reader.assign(left)
        for place in left:
            reader.go_on(place, bounds[place][0])
        while left:
            for record in await reader.poll(1000, 5000):
                place = TopicPartition(record.topic, record.partition)
                if record.offset >= left.get(place, 0):
                    continue
                if record.offset + 1 == left[place]:
                    del left[place]
                try:
                    yield Received(*record, stream=record.topic.removeprefix(settings.topic_prefix))
                except Unplaceable:
                    continue
    finally:
        await reader.stop()


async def pairs(connection: Connection, query: str, tenant_id: UUID) -> dict[object, object]:
    """Rows of two columns as a mapping."""
    return {row[0]: row[1] for row in await connection.fetch(query, tenant_id)}
