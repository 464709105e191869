"""From journal rows to acknowledged records."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any
from uuid import UUID

from shared.events.envelope import SOURCE, headers_of
from shared.events.kafka import Outgoing, Producer, Reader, Record, TopicPartition
from shared.events.streams import PARTITIONS, PUBLISHED, key_of, partition_of, stream_of_type
from shared.events.topics import partitions_of, topic_of

SEND_TIMEOUT_S = 30.0

COLUMNS = """e.id, e.tenant_id, e.event_id, e.type, e.aggregate_type, e.aggregate_id, e.seq, e.occurred_at,
    e.causation_id, e.traceparent, e.historic, e.payload"""


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
        if producer is not None:
            await producer.stop()

    async def send(self, rows: Sequence[Any], *, epoch: int, replay: Iterable[int] = ()) -> None:
        """Send rows in the order given and await every acknowledgement; `replay` are ids to mark as such."""
        await self.open()
        assert self._producer is not None  # noqa: S101 - opened just now
        replayed = frozenset(replay)
        outgoing = [self._outgoing(row, epoch, row["id"] in replayed) for row in rows]
        try:
            await self._producer.send(outgoing, SEND_TIMEOUT_S)
        except BaseException:
            # A producer dies on OutOfOrderSequence and the like, and what it still holds must never be sent
            # late.
            await self.close()
            raise

    def _outgoing(self, row: Any, epoch: int, replay: bool) -> Outgoing:
        headers = headers_of(row, source=self._source, epoch=epoch, replay=replay)
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
    found: dict[TopicPartition, list[Record]] = {tp: [] for tp in partitions}
    try:
        await reader.start()
        reader.assign(partitions)
        bounds = await reader.bounds(partitions)
        wanted = {tp: min(depth, end - begin) for tp, (begin, end) in bounds.items()}
        for tp, count in wanted.items():
            if count:
                reader.go_on(tp, bounds[tp][1] - count)
        while any(len(found[tp]) < count for tp, count in wanted.items()):
            for record in await reader.poll(500, 1000):
                tp = TopicPartition(record.topic, record.partition)
                if record.offset < bounds[tp][1]:
                    found[tp].insert(0, record)
    finally:
        await reader.stop()
    return found
