"""Our topics on Kafka: kept for ever, compressed, with the partitions that `streams` fixes."""

from __future__ import annotations

from collections.abc import Iterable

from shared.events.kafka import Admin, TopicPartition
from shared.events.streams import PARTITIONS, STREAMS

CONFIG = {
    "retention.ms": "-1",
    "compression.type": "zstd",
    "cleanup.policy": "delete",
    # Our own clock would do, but publish time is what the log says it is.
    "message.timestamp.type": "CreateTime",
    "max.message.bytes": "4194304",
}


class WrongPartitions(Exception):
    """A topic is there with another number of partitions than its stream has."""


def topic_of(stream: str, prefix: str) -> str:
    return f"{prefix}{stream}"


def partitions_of(streams: tuple[str, ...], prefix: str) -> list[TopicPartition]:
    """Every partition of these streams, in the one order of locks."""
    return [
        TopicPartition(topic_of(stream, prefix), partition)
        for stream in sorted(streams)
        for partition in range(PARTITIONS[stream])
    ]


async def ensure_topics(bootstrap: str, prefix: str, streams: Iterable[str] = STREAMS) -> None:
    """Create the topics that are missing. Raises WrongPartitions, KafkaError, TimeoutError."""
    wanted = {topic_of(stream, prefix): PARTITIONS[stream] for stream in streams}
    async with Admin(bootstrap) as admin:
        present = await admin.topics()
        missing = {name: count for name, count in wanted.items() if name not in present}
        if missing:
            await admin.create(missing, CONFIG)
    for name, count in wanted.items():
        if present.get(name, count) != count:
            raise WrongPartitions(f"topic {name} has {present[name]} partitions; it must have {count}")
