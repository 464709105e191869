"""What stands in Kafka: the records of some streams, from the log's begin to its end."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence

from shared.events.envelope import Received
from shared.events.kafka import Admin, Reader, Record, TopicPartition
from shared.events.topics import CONFIG, ensure_topics, partitions_of
from shared.settings import Settings
from tests.chaos.stack import until

_CALL_LIMIT_S = 60.0
_MOST = 5000

Bounds = dict[TopicPartition, tuple[int, int]]


async def bounds_of(settings: Settings, streams: Sequence[str]) -> Bounds:
    """The first offset kept and the offset after the last, of each partition."""
    reader = Reader(settings.kafka_bootstrap, "cox-chaos", group=None)
    try:
        await reader.start()
        return await reader.bounds(partitions_of(tuple(streams), settings.topic_prefix))
    finally:
        await reader.stop()


async def read_all(settings: Settings, streams: Sequence[str]) -> AsyncIterator[list[Received]]:
    """Every record up to the end as it is now; each partition's in its order."""
    reader = Reader(settings.kafka_bootstrap, "cox-chaos", group=None, max_wait_ms=100)
    try:
        await reader.start()
        places = partitions_of(tuple(streams), settings.topic_prefix)
        reader.assign(places)
        bounds = await reader.bounds(places)
        left = {tp: end for tp, (begin, end) in bounds.items() if end > begin}
        for tp in left:
            reader.go_on(tp, bounds[tp][0])
        while left:
            records = await reader.poll(500, _MOST)
            for record in records:
                tp = TopicPartition(record.topic, record.partition)
                if record.offset + 1 >= left.get(tp, record.offset + 2):
                    del left[tp]
            yield [_received(r, settings.topic_prefix) for r in records if r.offset < _end(bounds, r)]
    finally:
        await reader.stop()


def _end(bounds: Bounds, record: Record) -> int:
    return bounds[TopicPartition(record.topic, record.partition)][1]


def _received(record: Record, prefix: str) -> Received:
    return Received(
        record.topic, record.partition, record.offset, record.timestamp_ms, record.key, record.value,
        record.headers, stream=record.topic.removeprefix(prefix),
    )  # fmt: skip


async def wipe(settings: Settings, streams: Sequence[str]) -> None:
    """Topics lose all they hold and begin at offset 0 again, as on a new disk."""
    names = {f"{settings.topic_prefix}{stream}" for stream in streams}
    async with Admin(settings.kafka_bootstrap) as admin:
        counts = {name: count for name, count in (await admin.topics()).items() if name in names}
        await admin.delete(sorted(counts))

        async def gone() -> bool:
            return not names & set(await admin.topics())

        await until(gone, "the topics are gone", _CALL_LIMIT_S)
        await admin.create(counts, CONFIG)
    await ensure_topics(settings.kafka_bootstrap, settings.topic_prefix, streams)


async def cut_off(settings: Settings, streams: Sequence[str]) -> int:
    """Let every partition begin at its end, as a retention does; how many records went."""
    bounds = await bounds_of(settings, streams)
    full = {tp: end for tp, (begin, end) in bounds.items() if end > begin}
    async with Admin(settings.kafka_bootstrap) as admin:
        await admin.delete_before(full)
    return sum(end - bounds[tp][0] for tp, end in full.items())
