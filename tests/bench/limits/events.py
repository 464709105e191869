"""The limits' events: about 400 bytes of JSON, without an envelope."""

from __future__ import annotations

import secrets
import time
from collections.abc import Sequence

import orjson
from aiokafka import AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from shared.ids import new_id

PARTITIONS = 6
_METRICS = ("calls", "meetings", "won", "revenue", "stage_moves")
_TENANT = new_id()


def event(number: int) -> bytes:
    """One increment of one rep's metric; `t0` is when it was made, in ns."""
    return orjson.dumps(
        {
            "event_id": str(new_id()), "type": "lead.stage_changed", "tenant_id": str(_TENANT),
            "rep": number % 50, "metric": _METRICS[number % 5], "period": "2026-11-01", "v": 1,
            "occurred_at": "2026-11-22T03:48:54.123456Z", "t0": time.time_ns(),
            "lead": {
                "id": str(new_id()), "name": f"Lead number {number}", "company": "Example Industries",
                "stage_from": "contacted", "stage_to": "qualified", "source": "web", "region": "north",
            },
        }
    )  # fmt: skip


async def make_topic(bootstrap: str) -> str:
    """A new topic; its name."""
    name = f"bench-limit-{secrets.token_hex(4)}"
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()
    try:
        await admin.create_topics([NewTopic(name, PARTITIONS, 1)])
    finally:
        await admin.close()
    return name


async def delete_topic(bootstrap: str, name: str) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()
    try:
        await admin.delete_topics([name])
    finally:
        await admin.close()


async def publish(bootstrap: str, topic: str, values: Sequence[bytes]) -> None:
    """Put these on the topic, in turn over its partitions, by explicit batches."""
    producer = AIOKafkaProducer(bootstrap_servers=bootstrap, acks="all", max_batch_size=262_144)
    await producer.start()
    try:
        for partition in range(PARTITIONS):
            await send_batches(producer, topic, partition, [(None, v) for v in values[partition::PARTITIONS]])
    finally:
        await producer.stop()


async def send_batches(
    producer: AIOKafkaProducer, topic: str, partition: int, records: Sequence[tuple[bytes | None, bytes]]
) -> None:
    """Send (key, value) pairs in as few batches as hold them, and await their acknowledgement."""
    waiting, batch = [], producer.create_batch()
    for key, value in records:
        if batch.append(key=key, value=value, timestamp=None) is None:
            batch.close()
            waiting.append(await producer.send_batch(batch, topic, partition=partition))
            batch = producer.create_batch()
            batch.append(key=key, value=value, timestamp=None)
    batch.close()
    waiting.append(await producer.send_batch(batch, topic, partition=partition))
    for sent in waiting:
        await sent
