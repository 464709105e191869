"""Numbers from Kafka, and all of them again: incremental = rebuilt = an independent recomputation."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import datetime
from random import Random
from typing import Any

import pytest

from services.scoring.bootstrap import build_worker, run_rebuild
from services.scoring.kpis.rebuilding import RebuildError, Rebuilt
from shared.contracts.scoring import KpiRecalculated, RepMeasured
from shared.events.topics import ensure_topics
from shared.events.worker import Worker
from shared.ids import new_id
from shared.settings import Settings
from tests.integration.services.scoring.histories import past_of
from tests.integration.services.scoring.log import Log, opened
from tests.integration.services.scoring.test_apply import expected_net, net_facts
from tests.integration.services.scoring.world import World
from tests.support.databases import Databases

Admin = Any
LIVE = "select generation from consumers where name = 'scoring.kpis'"
READ = """select coalesce(sum(next), 0) from offsets o
join consumers c on o.consumer = c.name || case when c.generation = 1 then '' else '#' || c.generation end
where c.name = 'scoring.kpis' and o.stream in ('cox.leads', 'cox.activities')"""


async def until(done: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(240):
        while not await done():  # noqa: ASYNC110 - what is waited for happens in the database
            await asyncio.sleep(0.02)


@pytest.fixture(scope="module")
async def own(settings: Settings) -> Settings:
    """The same, with topics in which nothing is but what these tests publish: they count it."""
    made = settings.model_copy(update={"topic_prefix": f"{settings.topic_prefix}rebuild."})
    await ensure_topics(made.kafka_bootstrap, made.topic_prefix)
    return made


@pytest.fixture(scope="module")
async def log(own: Settings, databases: Databases) -> AsyncIterator[Log]:
    """The log from which all that the database holds will have come: other tests' facts did not."""
    await databases.require("scoring")
    await databases.truncate("scoring")
    async with opened(own) as made:
        yield made


@pytest.fixture
async def running(own: Settings, admin: Admin) -> AsyncIterator[Worker]:
    """Scoring's worker, in this process."""
    worker = build_worker(own)
    task = asyncio.create_task(worker.run())
    await until(lambda: ready(worker, task))
    yield worker
    await worker.stop()
    await task


async def ready(worker: Worker, task: asyncio.Task[None]) -> bool:
    if task.done():
        task.result()
    return worker.ready()


async def caught_up(admin: Admin, log: Log) -> None:
    """All that was published by this module's tests is applied to the live generation."""

    async def all_read() -> bool:
        return int(await admin.fetchval(READ)) >= log.sent

    await until(all_read)


async def rebuilt(settings: Settings) -> Rebuilt:
    return await run_rebuild(settings, lambda done, total: None)


class TestRebuild:
    async def test_every_number_is_the_same_when_rebuilt_from_the_log(
        self, running: Worker, own: Settings, admin: Admin, world: World, log: Log
    ) -> None:
        events = past_of(world, 60, Random(21))
        await log.publish(events)
        await caught_up(admin, log)
        assert await net_facts(admin, world.tenant) == expected_net(events, world.timezone)
        before = await admin.fetchval(LIVE)
        result = await rebuilt(own)
        assert result.comparison is not None
        assert result.comparison.samples == ()
        assert result.comparison.equal
        assert await admin.fetchval(LIVE) == result.generation == before + 1
        assert await net_facts(admin, world.tenant) == expected_net(events, world.timezone)
        tables = ("facts", "cells", "states")
        left = " union ".join(f"select generation from {table}" for table in tables)  # noqa: S608 - our own tables
        assert [row[0] for row in await admin.fetch(left)] == [before + 1]

    async def test_numbers_go_on_when_events_come_during_and_after_the_rebuild(
        self, running: Worker, own: Settings, admin: Admin, world: World, log: Log
    ) -> None:
        events = past_of(world, 150, Random(22))
        before, during = len(events) // 2, len(events) * 3 // 4
        await log.publish(events[:before])

        async def go_on() -> None:
            for event in events[before:during]:
                await log.publish([event])

        going = asyncio.create_task(go_on())
        result = await rebuilt(own)
        assert result.comparison is not None
        assert result.comparison.equal, result.comparison.samples
        await going
        await log.publish(events[during:])
        await caught_up(admin, log)
        assert await net_facts(admin, world.tenant) == expected_net(events, world.timezone)

    async def test_differences_are_told_and_mended_when_a_number_was_changed_by_hand(
        self, running: Worker, own: Settings, admin: Admin, world: World, log: Log
    ) -> None:
        events = past_of(world, 20, Random(23))
        await log.publish(events)
        await caught_up(admin, log)
        await admin.execute(
            "update cells set s0 = s0 + 1 where ctid = (select ctid from cells"
            " where tenant_id = $1 and view = 1 and grain = 1 and s0 > 0 limit 1)",
            world.tenant,
        )
        await admin.execute(
            "delete from facts where ctid = (select ctid from facts where tenant_id = $1 limit 1)",
            world.tenant,
        )
        result = await rebuilt(own)
        assert result.comparison is not None
        assert (result.comparison.facts, result.comparison.cells, result.comparison.states) == (1, 1, 0)
        assert any("number of created" in sample for sample in result.comparison.samples)
        assert await net_facts(admin, world.tenant) == expected_net(events, world.timezone)

    async def test_there_is_nothing_to_compare_when_the_tables_were_emptied(
        self, running: Worker, own: Settings, admin: Admin, world: World, log: Log
    ) -> None:
        events = past_of(world, 20, Random(24))
        await log.publish(events)
        await caught_up(admin, log)
        await admin.execute("truncate states, facts, cells")
        late = [world.created(new_id(), "2026-03-02T04:00", "ann")]
        await log.publish(late)
        await caught_up(admin, log)
        result = await rebuilt(own)
        assert result.comparison is None
        assert await net_facts(admin, world.tenant) == expected_net([*events, *late], world.timezone)

    async def test_only_one_rebuild_runs_at_a_time(
        self, running: Worker, own: Settings, admin: Admin, log: Log
    ) -> None:
        results = await asyncio.gather(rebuilt(own), rebuilt(own), return_exceptions=True)
        refused = [each for each in results if isinstance(each, RebuildError)]
        assert [str(each).split(";")[0] for each in refused] == ["another rebuild of scoring is under way"]
        assert len([each for each in results if isinstance(each, Rebuilt)]) == 1


class TestNotices:
    async def test_numbers_are_announced_by_the_worker_when_they_change(
        self, running: Worker, admin: Admin, world: World, log: Log
    ) -> None:
        await log.publish([world.created(new_id(), datetime.now().astimezone().isoformat(), "ann")])

        async def announced() -> bool:
            query = "select type, count(*) from events where tenant_id = $1 group by type"
            return dict(await admin.fetch(query, world.tenant)) == {
                KpiRecalculated.type_name(): 2,
                RepMeasured.type_name(): 1,
            }

        await until(announced)
