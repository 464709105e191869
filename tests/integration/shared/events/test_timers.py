"""Timers: the newest of its kind fires once, a superseded one never, a failing one ends as a dead letter."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from shared.clock import SettableClock
from shared.database.transactions import Tx
from shared.events.backbone import Backbone
from shared.events.consuming.dead_letters import discard_letter, list_letters, replay_letter
from shared.events.timing.rules import TRIES
from shared.events.timing.timers import Timer, Timers, cancel, schedule
from shared.ids import new_id
from tests.integration.shared.events.conftest import NOON, SERVICE, THINGS, House, started
from tests.integration.shared.events.working import TIMEOUT_S, WAITS_FOR_A_LOCK, eventually, working

LATER = NOON + timedelta(hours=1)


class Alarm:
    """A kind of timer whose firings are noted in the database."""

    def __init__(self, house: House, **options: Any) -> None:
        self.house = house
        self.clock = SettableClock(NOON)
        self.timers = Timers()
        self.fail = False
        self.begun, self.holds = asyncio.Event(), asyncio.Event()
        self.holds.set()
        self.timers.on("alarm", **options)(self._fire)
        self.backbone = Backbone(house.settings, SERVICE, house.worker, house.app, clock=self.clock)

    async def _fire(self, tx: Tx, timer: Timer) -> None:
        self.begun.set()
        await self.holds.wait()
        await tx.connection.execute(
            "insert into notes (consumer, aggregate_id, seq) values ('alarm', $1, $2)",
            timer.aggregate_id, timer.payload.get("n", 0),
        )  # fmt: skip
        if self.fail:
            raise ValueError("not today")

    async def schedule(self, thing: UUID, n: int = 1) -> None:
        async with self.house.transaction() as tx:
            await schedule(tx, "alarm", thing, LATER, {"n": n})

    async def at(self, moment: Any) -> None:
        self.clock.at = moment
        while await self.timers.fire_due(self.backbone):
            if self.fail:
                break

    async def fired(self) -> list[tuple[Any, ...]]:
        return await self.house.rows("select aggregate_id, seq from notes order by id")

    async def left(self) -> int:
        return int(await self.house.value("select count(*) from timers"))


@pytest.fixture
def alarm(house: House) -> Alarm:
    return Alarm(house)


class TestFiring:
    async def test_it_fires_once_when_it_is_due_and_not_before(self, alarm: Alarm) -> None:
        thing = new_id()
        await alarm.schedule(thing)
        await alarm.at(NOON)
        assert await alarm.fired() == []

        await alarm.at(LATER)
        await alarm.at(LATER)

        assert await alarm.fired() == [(thing, 1)]
        assert await alarm.left() == 0

    async def test_only_the_newest_fires_when_it_was_scheduled_again(self, alarm: Alarm) -> None:
        thing = new_id()
        for n in (1, 2, 3):
            await alarm.schedule(thing, n)
        await alarm.at(LATER)

        assert await alarm.fired() == [(thing, 3)]
        assert await alarm.left() == 0

    async def test_it_never_fires_when_it_was_cancelled(self, alarm: Alarm) -> None:
        thing = new_id()
        await alarm.schedule(thing)
        async with alarm.house.transaction() as tx:
            await cancel(tx, "alarm", thing)
        await alarm.at(LATER)

        assert await alarm.fired() == []
        assert await alarm.left() == 0

    async def test_nothing_is_scheduled_when_the_transaction_rolls_back(self, alarm: Alarm) -> None:
        with pytest.raises(RuntimeError):
            async with alarm.house.transaction() as tx:
                await schedule(tx, "alarm", new_id(), LATER)
                raise RuntimeError

        assert await alarm.left() == 0

    async def test_it_waits_for_the_aggregates_lock_and_then_sees_that_it_was_superseded(
        self, house: House
    ) -> None:
        alarm = Alarm(house, lock=THINGS)
        thing = await house.created(started())
        await alarm.schedule(thing)
        async with house.transaction() as tx:
            await tx.connection.execute("select 1 from things where id = $1 for update", thing)
            alarm.clock.at = LATER
            firing = _Firing(alarm)
            async with firing:
                await eventually(house, WAITS_FOR_A_LOCK)
                await cancel(tx, "alarm", thing)
                await tx.connection.execute("commit; begin")

        assert await alarm.fired() == []
        assert await alarm.left() == 0

    async def test_it_waits_for_a_change_under_way_when_it_has_no_aggregate_to_lock(
        self, alarm: Alarm
    ) -> None:
        thing = new_id()
        await alarm.schedule(thing)
        alarm.clock.at = LATER
        async with alarm.house.transaction() as tx:
            await cancel(tx, "alarm", thing)
            firing = _Firing(alarm)
            async with firing:
                await eventually(alarm.house, WAITS_FOR_A_LOCK)
                await tx.connection.execute("commit; begin")

        assert await alarm.fired() == []

    async def test_another_worker_passes_over_it_when_it_is_being_fired(self, alarm: Alarm) -> None:
        held, other = new_id(), new_id()
        await alarm.schedule(held)
        alarm.clock.at = LATER
        alarm.holds.clear()
        async with _Firing(alarm):
            await alarm.begun.wait()
            await alarm.schedule(other)
            rival = Alarm(alarm.house)
            rival.clock.at = LATER
            async with asyncio.timeout(TIMEOUT_S):
                assert await rival.timers.fire_due(rival.backbone)
            assert await alarm.fired() == [(other, 1)]
            alarm.holds.set()

        assert await alarm.fired() == [(other, 1), (held, 1)]

    async def test_it_is_left_alone_when_another_worker_put_it_off(self, alarm: Alarm) -> None:
        """Both read that it is due; one fires it in vain, and so the other comes too early."""
        await alarm.schedule(new_id())
        timer_id = await alarm.house.value("select id from timers")
        await alarm.timers._fire(alarm.backbone, alarm.house.tenant, timer_id)

        assert (await alarm.fired(), await alarm.left()) == ([], 1)

    async def test_the_worker_fires_what_is_due(self, house: House) -> None:
        alarm = Alarm(house)
        thing = new_id()
        await alarm.schedule(thing)
        async with working(house, timers=alarm.timers):
            await eventually(house, "select exists (select from notes where aggregate_id = $1)", thing)

        assert await alarm.fired() == [(thing, 1)]


class _Firing:
    """Fires in the background; ends when it has fired."""

    def __init__(self, alarm: Alarm) -> None:
        self._alarm = alarm

    async def __aenter__(self) -> None:
        self._task = asyncio.create_task(self._alarm.timers.fire_due(self._alarm.backbone))

    async def __aexit__(self, *_: object) -> None:
        await self._task


class TestFailing:
    async def test_it_is_tried_later_again_when_it_fails(self, alarm: Alarm) -> None:
        thing = new_id()
        await alarm.schedule(thing)
        alarm.fail = True
        await alarm.at(LATER)
        alarm.fail = False
        await alarm.at(LATER)
        assert await alarm.fired() == []

        await alarm.at(LATER + timedelta(seconds=1))

        assert await alarm.fired() == [(thing, 1)]

    async def dead(self, alarm: Alarm, thing: UUID) -> int:
        await alarm.schedule(thing)
        alarm.fail = True
        for turn in range(TRIES):
            await alarm.at(LATER + timedelta(hours=turn))
        alarm.fail = False
        (letter,) = await list_letters(alarm.house.admin)
        assert (letter.consumer, letter.reason, letter.attempts) == (
            "timer:alarm",
            "ValueError: not today",
            TRIES,
        )
        assert await alarm.left() == 0
        return letter.id

    async def test_it_is_set_aside_after_many_tries_and_fires_when_it_is_replayed(self, alarm: Alarm) -> None:
        thing = new_id()
        letter = await self.dead(alarm, thing)

        await replay_letter(alarm.house.admin, letter)
        await alarm.timers.serve_letters(alarm.backbone)
        await alarm.at(alarm.clock.at)

        assert await alarm.fired() == [(thing, 1)]
        assert await list_letters(alarm.house.admin) == []

    async def test_it_is_passed_over_when_it_is_discarded(self, alarm: Alarm) -> None:
        letter = await self.dead(alarm, new_id())

        await discard_letter(alarm.house.admin, letter, "a test")
        await alarm.timers.serve_letters(alarm.backbone)
        await alarm.at(alarm.clock.at)

        assert await alarm.fired() == []
        assert await list_letters(alarm.house.admin) == []
