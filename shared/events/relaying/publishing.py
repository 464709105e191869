"""From journal rows to acknowledged records."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from shared.events.envelope import SOURCE, headers_of
from shared.events.kafka import Outgoing, Producer, Reader, Record, TopicPartition
from shared.events.streams import PARTITIONS, PUBLISHED, key_of, partition_of, stream_of_type
from shared.events.topics import partitions_of, topic_of

SEND_TIMEOUT_S = 30.0

COLUMNS = """e.id, e.tenant_id, e.event_id, e.type, e.aggregate_type, e.aggregate_id, e.seq, e.occurred_at,
    e.causation_id, e.traceparent, e.historic, e.payload"""


class LogWentBack(Exception):
    """What was sent stands before the end that the log had: it is another log, which lacks what was sent."""

    def __init__(self, tp: TopicPartition, offset: int, end: int) -> None:
        super().__init__(f"{tp} had {end} records, and the next one became number {offset}")


class Publisher:
    """Sends journal rows of one service under one epoch. After an error a new producer is made at the next
    send.
    """

    def __init__(self, bootstrap: str, prefix: str, service: str) -> None:
        self._bootstrap = bootstrap
        self._prefix = prefix
        self._service = service
        self._source = f"{SOURCE}{service}".encode()
        self._producer: Producer | None = None
        self._ends: dict[TopicPartition, int] = {}
        self.streams = PUBLISHED[service]

    async def open(self) -> None:
        """Connect now, if not connected."""
        if self._producer is None:
            producer = Producer(self._bootstrap, f"cox-{self._service}-relay")
            try:
                await producer.start()
            except BaseException:
                await producer.stop()
                raise
            self._producer = producer

    async def close(self) -> None:
        producer, self._producer = self._producer, None
        self._ends = {}
        if producer is not None:
            await producer.stop()

    def expect(self, ends: Mapping[TopicPartition, int]) -> None:
        """Each partition's end as it is now: what is sent from here on stands behind it."""
        self._ends = dict(ends)

    async def send(
        self, rows: Sequence[Any], *, epoch: int, replay: Iterable[int] = (), again: Iterable[int] = ()
    ) -> None:
        """Send rows in the order given and await every acknowledgement; `replay` and `again` are ids to mark
        as such.

        Raises LogWentBack, errors of the broker.
        """
        await self.open()
        assert self._producer is not None  # noqa: S101 - opened just now
        replayed, sent = frozenset(replay), frozenset(again)
        outgoing = [self._outgoing(row, epoch, row["id"] in replayed, row["id"] in sent) for row in rows]
        try:
            self._follow(await self._producer.send(outgoing, SEND_TIMEOUT_S))
        except BaseException:
            # A producer dies on OutOfOrderSequence and the like, and what it still holds must never be sent
            # late.
            await self.close()
            raise

    def _follow(self, offsets: Iterable[tuple[TopicPartition, int]]) -> None:
        for tp, offset in offsets:
            # -1: the broker knew it already and does not say where.
            if 0 <= offset < self._ends.get(tp, 0):
                raise LogWentBack(tp, offset, self._ends[tp])
            self._ends[tp] = max(offset + 1, self._ends.get(tp, 0))

    def _outgoing(self, row: Any, epoch: int, replay: bool, again: bool) -> Outgoing:
        headers = headers_of(row, source=self._source, epoch=epoch, replay=replay, again=again)
        return Outgoing(
            self.place_of(row["type"], row["aggregate_id"]),
            key_of(row["aggregate_id"]),
            row["payload"].encode(),
            headers,
        )

    def place_of(self, event_type: str, aggregate_id: UUID) -> TopicPartition:
        """The partition that an event of this type and aggregate goes to."""
        stream = stream_of_type(event_type)
        return TopicPartition(
            topic_of(stream, self._prefix), partition_of(key_of(aggregate_id), PARTITIONS[stream])
        )

    def partitions(self) -> list[TopicPartition]:
        return partitions_of(self.streams, self._prefix)


async def last_records(
    bootstrap: str, partitions: Sequence[TopicPartition], depth: int
) -> dict[TopicPartition, list[Record]]:
    """The last `depth` records of each partition, newest first; none where it is empty."""
    reader = Reader(bootstrap, "cox-tail", group=None, max_wait_ms=100)
    try:
        await reader.start()
        reader.assign(partitions)
        bounds = await reader.bounds(partitions)
        wanted = {tp: (max(begin, end - depth), end) for tp, (begin, end) in bounds.items()}
        return {tp: found[::-1] for tp, found in (await _between(reader, wanted)).items()}
    finally:
        await reader.stop()


@dataclass(frozen=True, slots=True)
class Beginning:
    """How a partition begins: its first offset, the offset after its last, its first records."""

    begin: int
    end: int
    records: Sequence[Record]


async def beginnings(
    bootstrap: str, partitions: Sequence[TopicPartition], depth: int
) -> dict[TopicPartition, Beginning]:
    """How each partition begins, with at most `depth` records."""
    reader = Reader(bootstrap, "cox-head", group=None, max_wait_ms=100)
    try:
        await reader.start()
        reader.assign(partitions)
        bounds = await reader.bounds(partitions)
        wanted = {tp: (begin, min(end, begin + depth)) for tp, (begin, end) in bounds.items()}
        found = await _between(reader, wanted)
        return {tp: Beginning(begin, end, found[tp]) for tp, (begin, end) in bounds.items()}
    finally:
        await reader.stop()


async def _between(
    reader: Reader, wanted: Mapping[TopicPartition, tuple[int, int]]
) -> dict[TopicPartition, list[Record]]:
    """The records from one offset to before another, of each partition, in order."""
    found: dict[TopicPartition, list[Record]] = {tp: [] for tp in wanted}
    async for record in _each(reader, wanted):
        found[TopicPartition(record.topic, record.partition)].append(record)
    return found


async def _each(reader: Reader, wanted: Mapping[TopicPartition, tuple[int, int]]) -> AsyncIterator[Record]:
    left = {tp: until for tp, (since, until) in wanted.items() if until > since}
    for tp in left:
        reader.go_on(tp, wanted[tp][0])
    while left:
        for record in await reader.poll(500, 1000):
            tp = TopicPartition(record.topic, record.partition)
            if record.offset < wanted[tp][1]:
                yield record
            if record.offset + 1 >= left.get(tp, record.offset + 2):
                del left[tp]


async def records_since(
    bootstrap: str, partitions: Sequence[TopicPartition], at: datetime
) -> AsyncIterator[Record]:
    """What was published at `at` or later, and before now."""
    reader = Reader(bootstrap, "cox-since", group=None, max_wait_ms=100)
    try:
        await reader.start()
        reader.assign(partitions)
        begins = await reader.since(partitions, int(at.timestamp() * 1000))
        ends = await reader.bounds(begins)
        async for record in _each(reader, {tp: (begin, ends[tp][1]) for tp, begin in begins.items()}):
            yield record
    finally:
        await reader.stop()
