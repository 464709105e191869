"""The least that could carry an outbox to Kafka: woken by NOTIFY, rows deleted as they are taken.

`python -m tests.bench.limits.relay` with BENCH_URL, BENCH_KAFKA and BENCH_TOPIC.
"""

from __future__ import annotations

import asyncio
import os
from collections import defaultdict
from collections.abc import Sequence
from typing import Any

import asyncpg
import uvloop
from aiokafka import AIOKafkaProducer

from tests.bench.limits.events import PARTITIONS, send_batches

BATCH = 1000
_TAKE = """delete from outbox where id in (select id from outbox order by id limit $1 for update skip locked)
returning id, aggregate_id, payload"""


async def relay(url: str, bootstrap: str, topic: str) -> None:
    """Until ended."""
    producer = AIOKafkaProducer(
        bootstrap_servers=bootstrap, acks="all", enable_idempotence=True, linger_ms=0, max_batch_size=262_144
    )
    await producer.start()
    working, listening = await asyncpg.connect(url), await asyncpg.connect(url)
    wake = asyncio.Event()
    await listening.add_listener("outbox", lambda *_: wake.set())
    take = await working.prepare(_TAKE)
    while True:
        wake.clear()
        async with working.transaction():
            rows = await take.fetch(BATCH)
            await _send(producer, topic, rows)
        if len(rows) < BATCH and not wake.is_set():
            await _woken(wake)


async def _send(producer: AIOKafkaProducer, topic: str, rows: Sequence[Any]) -> None:
    by_partition = defaultdict(list)
    for row in sorted(rows, key=lambda row: row["id"]):
        key = row["aggregate_id"]
        by_partition[key.int % PARTITIONS].append((key.bytes, row["payload"].encode()))
    await asyncio.gather(
        *(send_batches(producer, topic, partition, records) for partition, records in by_partition.items())
    )


async def _woken(wake: asyncio.Event) -> None:
    try:
        async with asyncio.timeout(1):
            await wake.wait()
    except TimeoutError:
        return


if __name__ == "__main__":
    uvloop.run(relay(os.environ["BENCH_URL"], os.environ["BENCH_KAFKA"], os.environ["BENCH_TOPIC"]))
