"""What consumers do when the log is not what they read: wiped, cut off, republished, of a new epoch."""

from __future__ import annotations

import asyncio
from typing import Any
from uuid import UUID

import pytest

from shared.database.transactions import Tx
from shared.events.backbone import Backbone
from shared.events.consuming import seeking
from shared.events.consuming.consumer import ConsumerRunner, Projection, Reaction
from shared.events.consuming.registry import forget, lock_offsets, move_pointer, progress
from shared.events.consuming.seeking import Seeker
from shared.events.kafka import Admin, Reader, TopicPartition
from shared.events.relaying.republish import request
from shared.events.streams import PARTITIONS, key_of, partition_of
from shared.events.topics import partitions_of
from shared.ids import new_id
from tests.integration.shared.events.conftest import STREAM, House, started
from tests.integration.shared.events.test_relay import NOTHING_PENDING, emptied
from tests.integration.shared.events.working import Notes, comes_true, eventually, working

DONE = "select republish_state = 'done' from relay_state"


def beside(thing: UUID) -> UUID:
    """The id of another aggregate, whose events go to the same partition."""
    places = PARTITIONS[STREAM]
    here = partition_of(key_of(thing), places)
    return next(each for each in iter(new_id, None) if partition_of(key_of(each), places) == here)


async def bounds(house: House) -> dict[TopicPartition, tuple[int, int]]:
    reader = Reader(house.settings.kafka_bootstrap, "test", group=None)
    await reader.start()
    try:
        return await reader.bounds(partitions_of((STREAM,), house.settings.topic_prefix))
    finally:
        await reader.stop()


class TestAnotherLog:
    async def test_it_is_read_from_the_beginning_when_it_was_refilled_past_the_stored_offset(
        self, house: House
    ) -> None:
        notes = Notes("gateway.notes")
        async with working(house, notes.handlers):
            thing = await house.created()
            await notes.reaches(house, thing, 1)
        await emptied(house)
        # Too long ago to be sent again: another record stands where the one read stood.
        await house.admin.execute("update events set recorded_at = recorded_at - interval '10 minutes'")
        # Refilled by somebody else's relay while no consumer looks: the stored offsets lie inside the new
        # log.
        things = [await house.created(thing=beside(thing)) for _ in range(2)]
        things += [await house.created() for _ in range(10)]
        async with working(house):
            await eventually(house, NOTHING_PENDING)
        begun = await house.value("select count(*) from offsets where next > 0")

        async with working(house, notes.handlers):
            for each in things:
                await notes.reaches(house, each, 1)

        assert begun == 1
        assert await notes.of(house, thing) == [1]
        assert [await notes.of(house, each) for each in things] == [[1]] * 12

    async def test_consumers_converge_when_kafka_was_wiped_and_all_is_republished(self, house: House) -> None:
        notes, acts = Notes("gateway.notes"), Notes("gateway.acts", Reaction)
        async with working(house, notes.handlers, acts.handlers):
            things = [await house.created(started(), started()) for _ in range(6)]
            for each in things:
                await notes.reaches(house, each, 2)
                await acts.reaches(house, each, 2)
        await emptied(house)

        async with working(house, notes.handlers, acts.handlers):
            await request(house.admin, new_epoch=False)
            await eventually(house, DONE)
            late = await house.created()
            await notes.reaches(house, late, 1)
            await acts.reaches(house, late, 1)

        for each in things:
            assert await notes.of(house, each) == await acts.of(house, each) == [1, 2]


class TestRestoredConsumer:
    async def test_what_a_restored_database_lacks_is_read_again_though_nothing_new_comes(
        self, house: House
    ) -> None:
        notes = Notes("gateway.notes")
        async with working(house, notes.handlers):
            thing = await house.created(started(), started())
            await notes.reaches(house, thing, 2)
            # As a backup has it that was taken before: offsets, positions and effects are of one time.
            async with house.admin.transaction():
                await house.admin.execute("update offsets set next = 0, before_id = null")
                await house.admin.execute("delete from positions")
                await house.admin.execute("delete from notes")
            await notes.reaches(house, thing, 2)

        assert await notes.of(house, thing) == [1, 2]


class TestHole:
    async def test_it_stops_naming_the_command_and_goes_on_after_the_republish(
        self, house: House, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        looks: list[TopicPartition] = []
        probe = Seeker._probe

        async def seen(self: Seeker, tp: TopicPartition, *rest: Any) -> None:
            looks.append(tp)
            await probe(self, tp, *rest)

        monkeypatch.setattr(Seeker, "_probe", seen)
        monkeypatch.setattr(seeking, "LOOK_AGAIN_S", 0.05)
        notes = Notes("gateway.notes")
        async with working(house, notes.handlers):
            first = await house.created()
            await notes.reaches(house, first, 1)
        missed = [await house.created() for _ in range(9)]
        async with working(house):
            await eventually(house, NOTHING_PENDING)
        async with Admin(house.settings.kafka_bootstrap) as admin:
            await admin.delete_before(
                {tp: end for tp, (begin, end) in (await bounds(house)).items() if end > begin}
            )
        after = await house.created(thing=beside(missed[0]))

        async with working(house, notes.handlers, ready=False) as worker:
            await comes_true(lambda: any("cox events republish" in why for why in worker.problems()))
            # It looks again and again at the partition that goes on beyond the hole, and takes nothing.
            await comes_true(lambda: len(looks) > 2)
            lost = [*missed, after]
            assert await house.value("select count(*) from notes where aggregate_id = any($1)", lost) == 0

            await request(house.admin, new_epoch=False)
            for each in (*missed, after):
                await notes.reaches(house, each, 1)
            await comes_true(worker.ready)

        assert await notes.of(house, first) == [1]


class TestNewEpoch:
    async def test_projections_are_built_anew_and_reactions_do_not_act_again(self, house: House) -> None:
        notes, acts = Notes("gateway.notes"), Notes("gateway.acts", Reaction)
        assert isinstance(notes.handlers, Projection)

        @notes.handlers.on_reset
        async def reset(tx: Tx) -> None:
            await tx.connection.execute("delete from notes where consumer = 'gateway.notes'")

        async with working(house, notes.handlers, acts.handlers):
            thing = await house.created(started(), started())
            await notes.reaches(house, thing, 2)
            await acts.reaches(house, thing, 2)
            await request(house.admin, new_epoch=True)
            await eventually(house, DONE)
            await eventually(house, "select count(*) = 2 from positions where epoch = 2 and seq = 2")
            before = await house.rows("select count(*) from notes where consumer = 'gateway.acts'")
            await house.changed(thing)
            await notes.reaches(house, thing, 3)
            await acts.reaches(house, thing, 3)

        assert before == [(2,)]
        assert await notes.of(house, thing) == await acts.of(house, thing) == [1, 2, 3]

    async def test_a_reaction_acts_once_when_the_restored_database_takes_what_was_sent_for_unsent(
        self, house: House
    ) -> None:
        acts = Notes("gateway.acts", Reaction)
        async with working(house, acts.handlers):
            thing = await house.created()
            for _ in range(2):
                await house.changed(thing)
            await acts.reaches(house, thing, 3)
        # A backup of before the second was acknowledged; then life goes on.
        await house.admin.execute("delete from events where seq = 3")
        await house.admin.execute("insert into outbox_pending select id from events where seq = 2")
        await house.admin.execute("update things set seq = 2")
        await house.changed(thing)
        unmet = await house.created()

        async with working(house, acts.handlers, ready=False):
            await eventually(house, "select refusal is not null from relay_state")
            await request(house.admin, new_epoch=True)
            await acts.reaches(house, unmet, 1)
            await eventually(house, "select exists (select from positions where epoch = 2 and seq = 3)")

        assert await acts.of(house, thing) == [1, 2, 3, 3]
        assert await house.value("select count(*) = 0 from positions where met is not null")

    async def test_consumers_go_on_when_it_leaves_partitions_empty_or_beginning_with_news(
        self, house: House
    ) -> None:
        notes = Notes("gateway.notes")
        async with working(house, notes.handlers):
            lost = [await house.created() for _ in range(9)]
            for each in lost:
                await notes.reaches(house, each, 1)
        # The backup is older than all of them.
        await house.admin.execute("delete from events")
        await house.admin.execute("delete from things")
        news = await house.created(thing=beside(lost[0]))

        async with working(house, notes.handlers, ready=False) as worker:
            await eventually(house, "select refusal is not null from relay_state")
            await request(house.admin, new_epoch=True)
            await notes.reaches(house, news, 1)
            await comes_true(worker.ready)
        after = [await house.created(thing=beside(each)) for each in lost]
        async with working(house, notes.handlers):
            for each in after:
                await notes.reaches(house, each, 1)


class TestRegistration:
    async def test_a_reaction_added_later_begins_at_the_logs_end(self, house: House) -> None:
        notes, late = Notes("gateway.notes"), Notes("gateway.late", Reaction)
        async with working(house, notes.handlers):
            old = await house.created()
            await notes.reaches(house, old, 1)
        async with working(house, notes.handlers, late.handlers):
            new = await house.created()
            await house.changed(old)
            await late.reaches(house, new, 1)
            await late.reaches(house, old, 2)

        assert await late.of(house, old) == [2]
        assert await late.of(house, new) == [1]

    async def test_a_projection_added_later_reads_everything(self, house: House) -> None:
        notes, late = Notes("gateway.notes"), Notes("gateway.late")
        async with working(house, notes.handlers):
            old = await house.created()
            await notes.reaches(house, old, 1)
        async with working(house, notes.handlers, late.handlers):
            await late.reaches(house, old, 1)

        assert await late.of(house, old) == [1]


class TestGenerations:
    async def test_a_new_generation_takes_over_when_it_stands_where_the_live_one_stands(
        self, house: House
    ) -> None:
        notes = Notes("gateway.notes")
        backbone = Backbone(house.settings, "gateway", house.worker, house.app)
        async with working(house, notes.handlers):
            things = [await house.created(started(), started()) for _ in range(8)]
            for each in things:
                await notes.reaches(house, each, 2)
            runner = ConsumerRunner(backbone, notes.handlers, generation=2)
            rebuilding = asyncio.create_task(runner.run())
            same = "select count(*) = 8 from positions where consumer = 'gateway.notes#2' and seq = 2"
            await eventually(house, same)
            async with house.worker.transaction() as tx:
                offsets = await lock_offsets(tx, notes.name, [1, 2])
                assert offsets[1] == offsets[2]
                await move_pointer(tx, notes.name, 1, 2)
            rebuilding.cancel()
            await asyncio.gather(rebuilding, return_exceptions=True)
            await house.changed(things[0])
            await eventually(
                house,
                "select seq = 3 from positions where consumer = 'gateway.notes#2' and aggregate_id = $1",
                things[0],
            )

        # Each generation applied all of it, in its own order; after the swap only the new one goes on.
        assert await notes.of(house, things[1]) == [1, 2, 1, 2]
        assert await notes.of(house, things[0]) == [1, 2, 1, 2, 3]
        assert await house.value("select count(*) from positions where consumer = 'gateway.notes'") == 0
        async with house.worker.transaction() as tx:
            assert (await progress(tx, notes.name)).lag_events == 0
            await forget(tx, notes.name, 2)
        assert await house.value("select count(*) from positions") == 0
