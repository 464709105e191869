"""The least that could keep numbers: plain aiokafka, one upsert per batch, Kafka's commit overlapped.

`python -m tests.bench.limits.consumer` with BENCH_URL, BENCH_KAFKA and BENCH_TOPIC; BENCH_TELL is the port of
a datagram socket that is told of every batch: how many events, and when the first was made (ns).
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Sequence
from datetime import date
from functools import cache
from typing import Any
from uuid import UUID

import asyncpg
import orjson
import uvloop
from aiokafka import AIOKafkaConsumer

from tests.bench.limits.schema import APPLY

BATCH = 1000
_day = cache(date.fromisoformat)


async def consume(url: str, bootstrap: str, topic: str, tell: int) -> None:
    """Until ended."""
    consumer = AIOKafkaConsumer(
        topic, bootstrap_servers=bootstrap, group_id=f"{topic}-kpi", auto_offset_reset="earliest",
        enable_auto_commit=False, fetch_max_wait_ms=100,
    )  # fmt: skip
    await consumer.start()
    connection = await asyncpg.connect(url)
    apply = await connection.prepare(APPLY)
    told, _ = await asyncio.get_running_loop().create_datagram_endpoint(
        asyncio.DatagramProtocol, remote_addr=("127.0.0.1", tell)
    )
    commit: asyncio.Future[None] | None = None
    while True:
        found = await consumer.getmany(timeout_ms=1000, max_records=BATCH)
        events = [orjson.loads(message.value) for messages in found.values() for message in messages]
        if not events:
            continue
        await apply.fetch(*_columns(events))
        told.sendto(orjson.dumps([len(events), events[0]["t0"]]))
        # The commit of finished work travels while the next batch is applied.
        if commit is None or commit.done():
            commit = asyncio.ensure_future(consumer.commit())


def _columns(events: Sequence[dict[str, Any]]) -> list[list[Any]]:
    return [
        [UUID(event["event_id"]) for event in events],
        [event["rep"] for event in events],
        [event["metric"] for event in events],
        [_day(event["period"]) for event in events],
        [event["v"] for event in events],
    ]


if __name__ == "__main__":
    given = os.environ
    uvloop.run(
        consume(given["BENCH_URL"], given["BENCH_KAFKA"], given["BENCH_TOPIC"], int(given["BENCH_TELL"]))
    )
