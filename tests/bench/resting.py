"""Single events through a relay at rest: from the commit's return to a consumer's hands."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from uuid import UUID

from aiokafka import AIOKafkaConsumer

from services.activities.recording.tables import activities
from shared.contracts.activities import ActivityRecorded
from shared.contracts.base import Credit, Dimensions
from shared.database.engine import make_engine
from shared.database.transactions import Access, Database
from shared.events.hints import RECORDED, Hints, connector
from shared.events.journal import NewEvent, record_events
from shared.events.streams import key_of
from shared.events.topics import topic_of
from shared.ids import new_id
from shared.settings import Settings

_PAUSE_S = 0.005
_HANG_S = 120.0


async def one_at_a_time(settings: Settings, tenant: UUID, count: int) -> list[float]:
    """Milliseconds of so many activities, each recorded when the one before has arrived."""
    hints = Hints(connector(settings, "activities"), RECORDED)
    database = Database(make_engine(settings, "activities", "app"), hint=hints.poke)
    await hints.start()
    took = []
    try:
        async with _follower(settings) as consumer:
            for _ in range(count):
                activity = new_id()
                await _record(database, tenant, activity)
                began = time.perf_counter()
                await _arrived(consumer, key_of(activity))
                took.append((time.perf_counter() - began) * 1000)
                await asyncio.sleep(_PAUSE_S)
    finally:
        await hints.stop()
        await database.dispose()
    return took


@asynccontextmanager
async def _follower(settings: Settings) -> AsyncIterator[AIOKafkaConsumer]:
    """A consumer at the end of the activities' topic."""
    topic = topic_of(ActivityRecorded.topic, settings.topic_prefix)
    consumer = AIOKafkaConsumer(topic, bootstrap_servers=settings.kafka_bootstrap, fetch_max_wait_ms=100)
    await consumer.start()
    try:
        await consumer.seek_to_end()
        for partition in consumer.assignment():
            await consumer.position(partition)
        yield consumer
    finally:
        await consumer.stop()


async def _record(database: Database, tenant: UUID, activity: UUID) -> None:
    event = ActivityRecorded(
        kind="call", lead_id=None, owner_id=None, credit=Credit(), dimensions=Dimensions(), effective=True
    )
    async with database.transaction(Access(tenant)) as tx:
        await record_events(tx, activities, [NewEvent(activity, event, datetime.now(UTC))], created=True)


async def _arrived(consumer: AIOKafkaConsumer, key: bytes) -> None:
    async with asyncio.timeout(_HANG_S):
        while (await consumer.getone()).key != key:
            pass
