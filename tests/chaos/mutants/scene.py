"""One service's database and topics under fault, held against themselves by the harness's own checks."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Coroutine, Hashable
from contextlib import asynccontextmanager
from typing import Any
from uuid import UUID

from shared.events.backbone import Backbone
from shared.events.consuming.consumer import ConsumerRunner
from shared.events.consuming.registry import register
from shared.events.envelope import Received
from shared.events.kafka import TopicPartition
from shared.events.relaying.relay import Relay
from shared.events.topics import ensure_topics
from tests.chaos.checks import Told, check_journal, check_log
from tests.chaos.derived import check_consumers
from tests.chaos.order import applied_once
from tests.chaos.quiet import behind
from tests.chaos.stored import Row
from tests.chaos.thelog import bounds_of, read_all
from tests.integration.shared.events.working import Notes, eventually
from tests.support.backbone import SERVICE, STREAM, House

NOTHING_PENDING = "select not exists (select from outbox_pending)"
_JOURNAL = "select event_id, type, aggregate_id, seq, occurred_at, payload, id from events order by id"
_OFFSETS = "select consumer, stream, partition, next from offsets"


class Killed(BaseException):
    """What `kill -9` is to the code at that point: nothing after it runs."""


class Scene:
    """A house, a consumer that notes what it applies, and what the harness finds wrong."""

    def __init__(self, house: House) -> None:
        self.house = house
        self.notes = Notes("gateway.notes")

    async def begin(self) -> None:
        """Topics are there, and the consumer is registered."""
        settings = self.house.settings
        await ensure_topics(settings.kafka_bootstrap, settings.topic_prefix, (STREAM,))
        await register(
            self.house.worker, settings.kafka_bootstrap, settings.topic_prefix, [self.notes.handlers]
        )

    @asynccontextmanager
    async def relaying(self) -> AsyncIterator[asyncio.Task[None]]:
        """A relay that leads while the block runs."""
        async with running(Relay(self.house.settings, SERVICE).run()) as task:
            yield task

    @asynccontextmanager
    async def consuming(self) -> AsyncIterator[asyncio.Task[None]]:
        """A worker's consumer while the block runs."""
        house = self.house
        backbone = Backbone(house.settings, SERVICE, house.worker, house.app)
        async with running(ConsumerRunner(backbone, self.notes.handlers).run()) as task:
            yield task

    async def until(self, query: str, *arguments: Any) -> None:
        """Wait until a query gives something true."""
        await eventually(self.house, query, *arguments)

    async def until_read(self) -> None:
        """Wait until the consumer's offsets are at the ends of the log."""
        ends = (await bounds_of(self.house.settings, [STREAM])).values()
        await self.until("select sum(next) >= $1 from offsets", sum(end for _, end in ends))

    async def findings(self, *, ends: dict[int, int] | None = None) -> list[str]:
        """What is wrong, a sentence each. `ends`: the log's, by partition, where a test wrote it by hand."""
        rows = await self.house.rows(_JOURNAL)
        journal = [
            Row(id_, type_, of, seq, at, value.encode(), place)
            for id_, type_, of, seq, at, value, place in rows
        ]
        told = [row.told for row in journal]
        found = [*map(str, check_journal(told))]
        if ends is None:
            records = read_all(self.house.settings, [STREAM])
            in_log = [_told(each) async for batch in records for each in batch]
            found += map(str, check_log(told, in_log))
            bounds = await bounds_of(self.house.settings, [STREAM])
            ends = {place.partition: end for place, (_, end) in bounds.items()}
        return found + await self._consumer(journal, ends)

    async def _consumer(self, journal: list[Row], ends: dict[int, int]) -> list[str]:
        """Effects, places, dead letters and offsets of the consumer, where there is one."""
        house = self.house
        if not await house.value("select exists (select from offsets)"):
            return []
        last: dict[Hashable, int] = {row.aggregate_id: row.seq for row in journal}
        seen = await house.rows("select aggregate_id, seq from notes order by id")
        found = applied_once(((aggregate, seq) for aggregate, seq in seen), last).samples
        places = await check_consumers(house.admin, SERVICE, house.tenant, {SERVICE: journal}, {STREAM: 1})
        prefix = house.settings.topic_prefix
        applied = {(c, stream, p): at for c, stream, p, at in await house.rows(_OFFSETS)}
        topics = {TopicPartition(f"{prefix}{STREAM}", number): end for number, end in ends.items()}
        return [*found, *map(str, places), *behind(applied, topics, prefix)]


def _told(received: Received) -> Told:
    return Told(UUID(str(received.event_id)), UUID(str(received.aggregate_id)), received.seq, received.type)


@asynccontextmanager
async def running(work: Coroutine[Any, Any, None]) -> AsyncIterator[asyncio.Task[None]]:
    """A process's work while the block runs; that it was killed is no error."""
    task = asyncio.create_task(_unless_killed(work))
    try:
        yield task
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def _unless_killed(work: Coroutine[Any, Any, None]) -> None:
    try:
        await work
    except Killed:
        return
