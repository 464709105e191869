"""Whether everything recorded has been published, and everything published applied by every consumer."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import TypeAlias
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

_LIMIT_S = 10.0

Connection: TypeAlias = "asyncpg.Connection[asyncpg.Record]"
Ends = Mapping[TopicPartition, int]
Applied = dict[tuple[str, str, int], int]


async def unfinished(settings: Settings) -> list[str]:
    """What is still under way, a sentence each; empty when all is quiet."""
    async with watching(settings) as watch:
        return await watch.unfinished()


@asynccontextmanager
async def watching(settings: Settings) -> AsyncIterator[Watch]:
    """For whoever asks again and again."""
    watch = Watch(settings)
    try:
        yield watch
    finally:
        await watch.close()


class Watch:
    """Its connections are kept from question to question: making them costs more than what is asked."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._connections: dict[str, Connection] = {}
        self._reader: Reader | None = None

    async def unfinished(self) -> list[str]:
        """What is still under way, a sentence each; empty when all is quiet.

        Nothing pending, then the log's ends, then the offsets, then nothing pending and the same ends: what
        a consumer caused in between would show in one of the last two.
        """
        try:
            if found := await self._pending():
                return found
            ends = await self._ends()
            if found := behind(await self._applied(), ends, self._settings.topic_prefix):
                return found
            if found := await self._pending():
                return found
            return [] if await self._ends() == ends else ["the log still grows"]
        except _DOWN as error:
            await self.close()
            return [f"something is down: {error!r}"]

    async def close(self) -> None:
        """Never raises; it may be asked again."""
        while self._connections:
            self._connections.popitem()[1].terminate()
        if self._reader is not None:
            await self._reader.stop()
            self._reader = None

    async def _pending(self) -> list[str]:
        found = []
        for service in SERVICES:
            connection = await self._connection(service)
            if count := await connection.fetchval(_PENDING, timeout=_LIMIT_S):
                found.append(f"{service} has {count} events to publish")
        return found

    async def _ends(self) -> Ends:
        """The log's ends of what anybody consumes; a notice of scoring comes within a second of its cause."""
        if self._reader is None:
            self._reader = Reader(self._settings.kafka_bootstrap, "cox-chaos", group=None)
            await self._reader.start()
        streams = tuple(stream for stream in PARTITIONS if stream != "cox.gateway")
        bounds = await self._reader.bounds(partitions_of(streams, self._settings.topic_prefix))
        return {place: end for place, (_, end) in bounds.items()}

    async def _applied(self) -> Applied:
        """The next offset of each (consumer, stream, partition), of live generations only."""
        found: Applied = {}
        for service in SERVICES:
            connection = await self._connection(service)
            rows = await connection.fetch(_OFFSETS, timeout=_LIMIT_S)
            found |= {(row["consumer"], row["stream"], row["partition"]): row["next"] for row in rows}
        return found

    async def _connection(self, service: str) -> Connection:
        if service not in self._connections:
            parts = urlsplit(self._settings.postgres_url.get_secret_value())
            url = urlunsplit(parts._replace(path=f"/{self._settings.database_name(service)}"))
            self._connections[service] = await asyncpg.connect(url, timeout=_LIMIT_S)
        return self._connections[service]


def behind(applied: Applied, ends: Ends, prefix: str) -> list[str]:
    """Consumers whose offsets are not the log's ends; one never stored stands at the beginning.

    One beyond the end has not noticed yet that the log is another one.
    """
    found = []
    for consumer, stream in sorted({(consumer, stream) for consumer, stream, _ in applied}):
        places = {
            partition: ends.get(TopicPartition(topic_of(stream, prefix), partition), 0)
            for partition in range(PARTITIONS[stream])
        }
        off = [end - applied.get((consumer, stream, p), 0) for p, end in places.items()]
        if left := sum(n for n in off if n > 0):
            found.append(f"{consumer} is {left} records of {stream} behind")
        if beyond := -sum(n for n in off if n < 0):
            found.append(f"{consumer} is {beyond} records beyond the end of {stream}")
    return found
