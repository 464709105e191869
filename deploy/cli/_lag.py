"""Consumer lag: how many events each service's consumers have not applied yet."""

from __future__ import annotations

import asyncio
from urllib.parse import urlsplit, urlunsplit

import asyncpg
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError

from deploy.local.state import State
from deploy.local.topology import SERVICES
from shared.settings import Settings

_LIMIT_S = 3.0
_Place = tuple[str, int]


async def lag_by_service(state: State, settings: Settings) -> dict[str, int]:
    """Events between what is in the log and what the service's database says it applied, all its consumers
    added up. A service whose database or Kafka cannot be asked in time is absent."""
    asked = await asyncio.gather(*(_applied(state, settings, service) for service in SERVICES))
    applied = {service: rows for service, rows in zip(SERVICES, asked, strict=True) if rows is not None}
    places = {
        (settings.topic_prefix + stream, partition)
        for rows in applied.values()
        for stream, partition, _ in rows
    }
    ends = await _ends(state.kafka_bootstrap, places)
    if ends is None:
        return {}
    return {
        service: sum(
            max(ends[settings.topic_prefix + stream, partition] - reached, 0)
            for stream, partition, reached in rows
        )
        for service, rows in applied.items()
    }


async def _applied(state: State, settings: Settings, service: str) -> list[tuple[str, int, int]] | None:
    """(stream, partition, next offset) of each consumer in a service's database."""
    parts = urlsplit(state.postgres_url)
    url = urlunsplit(parts._replace(path=f"/{settings.database_name(service)}"))
    try:
        connection = await asyncpg.connect(url, timeout=_LIMIT_S)
        try:
            rows = await connection.fetch("select stream, partition, next from offsets", timeout=_LIMIT_S)
        finally:
            await connection.close(timeout=_LIMIT_S)
    except (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError):
        return None
    return [(row["stream"], row["partition"], row["next"]) for row in rows]


async def _ends(bootstrap: str, places: set[_Place]) -> dict[_Place, int] | None:
    """The log's end of each partition; None where Kafka does not answer."""
    if not places:
        return {}
    consumer = AIOKafkaConsumer(bootstrap_servers=bootstrap, request_timeout_ms=int(_LIMIT_S * 1000))
    try:
        async with asyncio.timeout(_LIMIT_S):
            await consumer.start()
            found = await consumer.end_offsets([TopicPartition(*place) for place in places])
    except (KafkaError, OSError, TimeoutError):
        return None
    finally:
        await consumer.stop()
    return {(place.topic, place.partition): end for place, end in found.items()}
