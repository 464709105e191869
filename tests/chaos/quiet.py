"""Whether everything recorded has been published, and everything published applied by every consumer."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import urlsplit, urlunsplit

import asyncpg

from deploy.local.topology import SERVICES
from shared.events.kafka import KafkaError, Reader, TopicPartition
from shared.events.streams import PARTITIONS
from shared.events.topics import partitions_of, topic_of
from shared.settings import Settings

_PENDING = "select count(*) from outbox_pending"
_OFFSETS = """
select o.consumer, o.stream, o.partition, o.next from consumers c join offsets o
    on o.consumer = c.name || case when c.generation = 1 then '' else '#' || c.generation end
"""
_DOWN = (OSError, TimeoutError, KafkaError, asyncpg.PostgresError, asyncpg.InterfaceError)

Ends = Mapping[TopicPartition, int]
Applied = dict[tuple[str, str, int], int]


async def unfinished(settings: Settings) -> list[str]:
    """What is still under way, a sentence each; empty when all is quiet.

    Nothing pending, then the log's ends, then the offsets, then nothing pending and the same ends: what a
    consumer caused in between would show in one of the last two.
    """
    try:
        if found := await _pending(settings):
            return found
        ends = await _ends(settings)
        if found := behind(await _applied(settings), ends, settings.topic_prefix):
            return found
        if found := await _pending(settings):
            return found
        return [] if await _ends(settings) == ends else ["the log still grows"]
    except _DOWN as error:
        return [f"something is down: {error!r}"]


async def _pending(settings: Settings) -> list[str]:
    found = []
    for service in SERVICES:
        connection = await _connect(settings, service)
        try:
            count = await connection.fetchval(_PENDING)
        finally:
            await connection.close()
        if count:
            found.append(f"{service} has {count} events to publish")
    return found


async def _ends(settings: Settings) -> Ends:
    """The log's ends of what anybody consumes; notices of scoring come when they come."""
    streams = tuple(stream for stream in PARTITIONS if stream not in ("cox.scoring", "cox.gateway"))
    reader = Reader(settings.kafka_bootstrap, "cox-chaos", group=None)
    try:
        await reader.start()
        bounds = await reader.bounds(partitions_of(streams, settings.topic_prefix))
    finally:
        await reader.stop()
    return {place: end for place, (_, end) in bounds.items()}


async def _applied(settings: Settings) -> Applied:
    """The next offset of each (consumer, stream, partition), of live generations only."""
    found: Applied = {}
    for service in SERVICES:
        connection = await _connect(settings, service)
        try:
            rows = await connection.fetch(_OFFSETS)
        finally:
            await connection.close()
        found |= {(row["consumer"], row["stream"], row["partition"]): row["next"] for row in rows}
    return found


def behind(applied: Applied, ends: Ends, prefix: str) -> list[str]:
    """Consumers whose offsets have not reached the log's ends; one never stored stands at the beginning."""
    found = []
    for consumer, stream in sorted({(consumer, stream) for consumer, stream, _ in applied}):
        places = {
            partition: ends.get(TopicPartition(topic_of(stream, prefix), partition), 0)
            for partition in range(PARTITIONS[stream])
        }
        left = sum(max(end - applied.get((consumer, stream, p), 0), 0) for p, end in places.items())
        if left:
            found.append(f"{consumer} is {left} records of {stream} behind")
    return found


async def _connect(settings: Settings, service: str) -> asyncpg.Connection[asyncpg.Record]:
    parts = urlsplit(settings.postgres_url.get_secret_value())
    url = urlunsplit(parts._replace(path=f"/{settings.database_name(service)}"))
    return await asyncpg.connect(url, timeout=10)
