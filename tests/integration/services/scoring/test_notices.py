"""Notices: at most one a second per rep and tenant, none for the past."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
import pytest

from services.scoring.kpis.apply import Engine
from services.scoring.kpis.notices import Announcer, announce
from shared.clock import SettableClock
from shared.database.transactions import Database
from shared.ids import new_id
from tests.integration.services.scoring.world import World

NOW = datetime(2026, 3, 30, 17, tzinfo=UTC)
SECOND = timedelta(seconds=1)
EVENTS = """select aggregate_id, seq, payload, occurred_at from events
where tenant_id = $1 and type = 'cox.scoring.kpi_recalculated.v1' order by id"""


async def lead_created(worker: Database, world: World, rep: str = "ann", day: int = 2) -> None:
    async with worker.transaction() as tx:
        await Engine().apply(tx, [world.created(new_id(), f"2026-03-{day:02}T04:00", rep)])


async def published(admin: Any, world: World) -> list[dict[str, Any]]:
    rows = await admin.fetch(EVENTS, world.tenant)
    return [
        {"aggregate": row["aggregate_id"], "seq": row["seq"], **orjson.loads(row["payload"])} for row in rows
    ]


class TestAnnounce:
    async def test_rep_and_tenant_are_told_once_when_numbers_change(
        self, worker: Database, admin: Any, world: World
    ) -> None:
        await lead_created(worker, world, day=2)
        await lead_created(worker, world, day=3)
        await announce(worker, NOW)
        told = {notice["aggregate"]: notice for notice in await published(admin, world)}
        assert set(told) == {world.tenant, world.reps["ann"]}
        for notice in told.values():
            assert notice["metrics"] == ["leads_created"]
            assert notice["days"] == ["2026-03-02", "2026-03-03"]
        assert told[world.reps["ann"]]["rep_id"] == str(world.reps["ann"])
        assert told[world.tenant]["rep_id"] is None

    async def test_next_notice_waits_when_less_than_a_second_has_passed(
        self, worker: Database, admin: Any, world: World
    ) -> None:
        await lead_created(worker, world)
        await announce(worker, NOW)
        await lead_created(worker, world, day=9)
        await lead_created(worker, world, "bob", day=9)
        await announce(worker, NOW + SECOND / 2)
        assert len(await published(admin, world)) == 3, "only bob is new"
        await announce(worker, NOW + SECOND)
        last = (await published(admin, world))[3:]
        assert {notice["aggregate"] for notice in last} == {world.tenant, world.reps["ann"]}
        assert {tuple(notice["days"]) for notice in last} == {("2026-03-09",)}
        assert {notice["seq"] for notice in last} == {2}

    async def test_nothing_is_told_twice_when_nothing_changed_since(
        self, worker: Database, admin: Any, world: World
    ) -> None:
        await lead_created(worker, world)
        await announce(worker, NOW)
        await announce(worker, NOW + 5 * SECOND)
        assert len(await published(admin, world)) == 2

    async def test_notice_is_left_to_the_worker_that_is_just_sending_it(
        self, worker: Database, admin: Any, world: World
    ) -> None:
        await lead_created(worker, world)
        async with worker.transaction() as tx, asyncio.timeout(240):
            held = "select 1 from kpi_notices where tenant_id = $1 and rep <> 0 for update"
            await tx.connection.execute(held, world.tenant)
            await announce(worker, NOW)
            assert {notice["aggregate"] for notice in await published(admin, world)} == {world.tenant}
        await announce(worker, NOW)
        assert len(await published(admin, world)) == 2


class TestAnnouncer:
    async def test_notice_goes_out_when_woken(self, worker: Database, admin: Any, world: World) -> None:
        changed = asyncio.Event()
        running = asyncio.create_task(Announcer(worker, SettableClock(NOW), changed).run())
        await lead_created(worker, world)
        changed.set()
        async with asyncio.timeout(240):
            while not await published(admin, world):
                assert not running.done()
                await asyncio.sleep(0.01)
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running
