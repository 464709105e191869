"""Events put on the run's real Kafka, as the relays of other services do."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from aiokafka import AIOKafkaProducer

from shared.events.envelope import Received
from shared.events.streams import PARTITIONS, key_of, partition_of
from shared.settings import Settings


class Log:
    """A producer of the test's own topics; counts what it sent."""

    def __init__(self, settings: Settings, producer: AIOKafkaProducer) -> None:
        self._prefix = settings.topic_prefix
        self._producer = producer
        self.sent = 0

    async def publish(self, events: Sequence[Received]) -> None:
        """In this order; each to its aggregate's partition. Returns when Kafka has them all."""
        waiting = []
        for event in events:
            key = key_of(event.aggregate_id)
            waiting.append(
                await self._producer.send(
                    self._prefix + event.stream,
                    event.value,
                    key=key,
                    partition=partition_of(key, PARTITIONS[event.stream]),
                    headers=list(event.headers.items()),
                )
            )
        for sent in waiting:
            await sent
        self.sent += len(events)


@asynccontextmanager
async def opened(settings: Settings) -> AsyncIterator[Log]:
    producer = AIOKafkaProducer(
        bootstrap_servers=settings.kafka_bootstrap, enable_idempotence=True, acks="all"
    )
    await producer.start()
    try:
        yield Log(settings, producer)
    finally:
        await producer.stop()
