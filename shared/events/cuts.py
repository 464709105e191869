"""Where a republish let the log of a partition begin: what is gone before that comes again behind it.

Kafka keeps it beside the log, as the committed offsets of a group in which nobody reads: whoever wipes the
one has wiped the other.
"""

from __future__ import annotations

from collections.abc import Mapping

from shared.events.kafka import Admin, Reader, TopicPartition

_GROUP = "cox-republish"


async def remember_cuts(bootstrap: str, prefix: str, begins: Mapping[TopicPartition, int]) -> None:
    """Before the log is cut off. Raises KafkaError, TimeoutError."""
    reader = Reader(bootstrap, "cox-cuts", group=f"{prefix}{_GROUP}")
    try:
        await reader.start()
        reader.assign(begins)
        await reader.commit(begins)
    finally:
        await reader.stop()


async def was_cut(bootstrap: str, prefix: str, tp: TopicPartition, begin: int) -> bool:
    """Whether it is by a republish that this partition begins there. Raises KafkaError, TimeoutError."""
    async with Admin(bootstrap) as admin:
        return await admin.committed(f"{prefix}{_GROUP}", tp) == begin
