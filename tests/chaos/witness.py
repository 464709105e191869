"""A consumer of the harness's own on a copy's topics: it notes what it applies, in a database beside the
product's.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from uuid import UUID

from shared.contracts.base import Event
from shared.database.transactions import Tx
from shared.events.backbone import Backbone
from shared.events.consuming.consumer import ConsumerRunner
from shared.events.consuming.handlers import Projection
from shared.events.consuming.registry import register
from shared.events.envelope import Received
from shared.settings import Settings
from tests.chaos.stack import until
from tests.chaos.thelog import bounds_of
from tests.support.backbone import SERVICE, House, backbone_template, made_house

CATCH_UP_LIMIT_S = 900.0
_NAME = f"{SERVICE}.witness"
_NOTE = """insert into notes (consumer, aggregate_id, seq, event_id)
    select $1, * from unnest($2::uuid[], $3::bigint[], $4::uuid[])"""
_READ = "select coalesce(sum(next), 0)::bigint from offsets where consumer = $1 and stream = any($2)"


@dataclass
class Witness:
    """What it has applied so far stands in `house`; `streams` is what it reads."""

    house: House
    settings: Settings
    streams: Sequence[str]

    async def caught_up(self) -> float:
        """Seconds until it has applied all that is in the topics now."""
        wanted = sum(end for _, end in (await bounds_of(self.settings, self.streams)).values())

        async def so() -> bool:
            return int(await self.house.value(_READ, _NAME, list(self.streams))) >= wanted

        return await until(so, "the witness has read all", CATCH_UP_LIMIT_S)

    async def applied(self) -> list[tuple[UUID, int]]:
        """(aggregate, seq) in the order of applying."""
        rows = await self.house.rows("select aggregate_id, seq from notes order by id")
        return [(aggregate, seq) for aggregate, seq in rows]


def _projection(events: Sequence[type[Event]]) -> Projection:
    projection = Projection(_NAME)

    @projection.batch(*events)
    async def note(tx: Tx, batch: Sequence[Received]) -> None:
        columns = [(each.aggregate_id, each.seq, each.event_id) for each in batch]
        await tx.connection.execute(_NOTE, _NAME, *([*column] for column in zip(*columns, strict=True)))

    return projection


@asynccontextmanager
async def witnessing(settings: Settings, *events: type[Event]) -> AsyncIterator[Witness]:
    """Read these events of a running copy (whose settings these are) while the block runs."""
    async with backbone_template(settings) as template, made_house(settings, template) as house:
        own = house.settings.model_copy(update={"topic_prefix": settings.topic_prefix})
        handlers = _projection(events)
        await register(house.worker, own.kafka_bootstrap, own.topic_prefix, [handlers])
        runner = ConsumerRunner(Backbone(own, SERVICE, house.worker, house.app), handlers)
        task = asyncio.create_task(runner.run(), name="witness")
        try:
            yield Witness(house, own, handlers.streams)
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
