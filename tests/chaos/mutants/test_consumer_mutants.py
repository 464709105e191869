"""A consumer without one of its safeguards is reported."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any
from uuid import UUID

import pytest
from aiokafka import TopicPartition as AioTopicPartition

from shared.database.connections import Raw
from shared.database.transactions import Tx
from shared.events.consuming import store
from shared.events.consuming.applying import Applier, Item
from shared.events.consuming.consumer import ConsumerRunner
from shared.events.consuming.dead_letters import list_letters, replay_letter
from shared.events.consuming.decide import Key, Place
from shared.events.consuming.handlers import EventHandler
from shared.events.consuming.seeking import Seeker
from shared.events.consuming.starting import Stored
from shared.events.envelope import Received
from shared.events.kafka import Reader, TopicPartition
from tests.chaos.mutants.scene import NOTHING_PENDING, Killed, Scene
from tests.integration.shared.events.bench import Bench, bench_of
from tests.integration.shared.events.working import WAITS_FOR_A_LOCK, comes_true
from tests.support.backbone import STREAM, started

BAD = 666


def _trusting_kafka(monkeypatch: pytest.MonkeyPatch) -> None:
    """Go on where the group committed; commit there first; the table of offsets is only written."""
    consume = ConsumerRunner._consume

    async def committing(
        self: ConsumerRunner, items: Sequence[Item], reader: Reader, seeker: Seeker, applier: Applier
    ) -> None:
        records = [item.record for item in items]
        await reader.commit({TopicPartition(r.topic, r.partition): r.offset + 1 for r in records})
        await consume(self, items, reader, seeker, applier)

    async def committed(self: Seeker, held: Sequence[TopicPartition]) -> dict[tuple[str, int], Stored]:
        await stored(self, held)
        client = self._reader._client
        found = {tp: await client.committed(AioTopicPartition(*tp)) for tp in held}
        return {self._place(tp): Stored(offset or 0, None) for tp, offset in found.items()}

    stored = Seeker._stored
    monkeypatch.setattr(ConsumerRunner, "_consume", committing)
    monkeypatch.setattr(Seeker, "_stored", committed)
    _without_the_fence(monkeypatch)


def _without_the_fence(monkeypatch: pytest.MonkeyPatch) -> None:
    """Offsets are set, wherever they were."""
    fence = store._FENCE.replace("and o.next = u.start", "")
    assert fence != store._FENCE
    monkeypatch.setattr(store, "_FENCE", fence)


def _without_locks_of_places(monkeypatch: pytest.MonkeyPatch) -> None:
    lock_places = store.lock_places

    class Unlocked:
        """The connection, whose selects lock nothing."""

        def __init__(self, raw: Raw) -> None:
            self._raw = raw

        async def fetch(self, query: str, *arguments: Any) -> list[Any]:
            assert " for update of p" in query
            return list(await self._raw.fetch(query.replace(" for update of p", ""), *arguments))

    async def read_places(raw: Raw, consumer: str, keys: Sequence[Key]) -> dict[Key, Place]:
        unlocked: Any = Unlocked(raw)
        return await lock_places(unlocked, consumer, keys)

    monkeypatch.setattr(store, "lock_places", read_places)


def _killed_before_commit(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    """The first worker that applies an event ends before its transaction does."""
    kills = iter([True])
    note = scene.notes._note

    async def note_and_die(tx: Tx, received: Received) -> None:
        await note(tx, received)
        if next(kills, False):
            raise Killed

    _handle_by(note_and_die, scene, monkeypatch)


class TestOffsetsInTheDatabase:
    @pytest.mark.parametrize("removed", [False, True], ids=["in place", "removed"])
    async def test_a_lost_effect_is_reported_when_a_worker_dies_after_kafkas_commit(
        self, scene: Scene, monkeypatch: pytest.MonkeyPatch, removed: bool
    ) -> None:
        if removed:
            _trusting_kafka(monkeypatch)
        _killed_before_commit(scene, monkeypatch)
        await scene.begin()
        thing = await scene.house.created()
        async with scene.relaying():
            await scene.until(NOTHING_PENDING)
        async with scene.consuming() as killed:
            await killed
        async with scene.relaying(), scene.consuming():
            later = await scene.house.created()
            await scene.notes.reaches(scene.house, later, 1)
            if not removed:
                await scene.until_read()
        found = await scene.findings()
        assert any(f"1 of {thing}'s 1 are missing" in each for each in found) == removed
        assert bool(found) == removed


class TestFence:
    @pytest.mark.parametrize("removed", [False, True], ids=["in place", "removed"])
    async def test_an_offset_that_lies_is_reported_when_a_stopped_consumer_comes_back(
        self, scene: Scene, monkeypatch: pytest.MonkeyPatch, removed: bool
    ) -> None:
        if removed:
            _without_the_fence(monkeypatch)
        bench = await bench_of(scene.house, scene.notes)
        thing = await scene.house.created()
        await scene.house.changed(thing)
        log = await _log_of(bench, thing, thing)
        stopped, successor = bench.applier(), bench.applier()
        await successor.apply(log)
        (outcome,) = await asyncio.gather(stopped.apply(log[:1]), return_exceptions=True)
        assert isinstance(outcome, store.Fenced) != removed
        found = await scene.findings(ends={0: len(log)})
        assert found == [f"{bench.notes.name} is 1 records of {STREAM} behind"] * removed


class TestLocksOfPlaces:
    @pytest.mark.parametrize("removed", [False, True], ids=["in place", "removed"])
    async def test_an_aggregate_that_waits_for_ever_is_reported_when_two_owners_work_on_it(
        self, scene: Scene, monkeypatch: pytest.MonkeyPatch, removed: bool
    ) -> None:
        if removed:
            _without_locks_of_places(monkeypatch)
        bench = await bench_of(scene.house, scene.notes)
        thing, other = await scene.house.created(started(BAD)), await scene.house.created()
        await scene.house.changed(thing)
        first, elsewhere, second = await _log_of(bench, thing, other, thing)
        letter = await _set_aside(bench, first)
        deciding, goes_on = _standing_still_at(other, scene, monkeypatch)

        one = asyncio.create_task(bench.applier(1).apply([elsewhere, second]))
        await deciding.wait()
        two = asyncio.create_task(bench.applier(1).resolve(letter))

        async def done_or_waiting() -> bool:
            return two.done() or bool(await scene.house.value(WAITS_FOR_A_LOCK))

        await comes_true(done_or_waiting)
        goes_on.set()
        await asyncio.gather(one, two)

        found = await scene.findings(ends={0: 3})
        assert any(f"{thing} waits behind" in each for each in found) == removed
        assert bool(found) == removed


async def _log_of(bench: Bench, *order: UUID) -> list[Item]:
    """The journal as a partition written by hand: each time a thing is named, its next event."""
    rows = await bench.house.admin.fetch("select * from events order by id")
    left = {thing: [row for row in rows if row["aggregate_id"] == thing] for thing in set(order)}
    return [bench.log.take(left[thing].pop(0)) for thing in order]


async def _set_aside(bench: Bench, item: Item) -> int:
    """Apply an event that fails, mend what made it fail, and ask for a replay: the dead letter's id."""
    bench.notes.poison.add(BAD)
    await bench.applier().apply([item])
    bench.notes.poison.clear()
    (letter,) = await list_letters(bench.house.admin)
    await replay_letter(bench.house.admin, letter.id)
    return letter.id


def _standing_still_at(
    thing: UUID, scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> tuple[asyncio.Event, asyncio.Event]:
    """The handler stands still in its transaction when it meets this thing: (is there, may go on)."""
    there, goes_on = asyncio.Event(), asyncio.Event()
    note = scene.notes._note

    async def note_later(tx: Tx, received: Received) -> None:
        if received.aggregate_id == thing:
            there.set()
            await goes_on.wait()
        await note(tx, received)

    _handle_by(note_later, scene, monkeypatch)
    return there, goes_on


def _handle_by(handler: EventHandler, scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    singles = scene.notes.handlers._single
    for name in list(singles):
        monkeypatch.setitem(singles, name, handler)
