"""A batch in one transaction: what is stored, what is not, and what becomes of an event that cannot be
applied.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

import asyncpg
import pytest

from shared.contracts.gateway import ImportFinished
from shared.database.transactions import Tx
from shared.events.consuming.applying import Applier, NewEpoch, Stopped
from shared.events.consuming.dead_letters import (
    LetterClosed,
    LetterNotFound,
    discard_letter,
    list_letters,
    replay_letter,
    show_letter,
)
from shared.events.consuming.decide import Key, Policy
from shared.events.consuming.handlers import Projection, Reaction, Run
from shared.events.consuming.store import COPIED, Fenced
from shared.events.envelope import Received
from shared.ids import new_id
from tests.integration.shared.events.bench import Bench, bench_of
from tests.integration.shared.events.conftest import STREAM, House, started
from tests.integration.shared.events.working import Notes


async def _ended(_: Key) -> None:
    raise ConnectionError("the process ended here")


@pytest.fixture
async def bench(house: House) -> Bench:
    return await bench_of(house, Notes("gateway.notes"))


class TestApply:
    async def test_effect_position_and_offset_are_there_when_it_commits(self, bench: Bench) -> None:
        thing = new_id()
        await bench.applier().apply([bench.log.write(thing, 1), bench.log.write(thing, 2)])

        assert await bench.notes.of(bench.house, thing) == [1, 2]
        assert (await bench.seq(thing), await bench.offset()) == (2, 2)

    async def test_nothing_is_there_when_the_handler_fails_for_a_passing_reason(self, bench: Bench) -> None:
        thing = new_id()

        async def fail(tx: Tx, received: Received) -> None:
            await bench.notes._note(tx, received)
            raise asyncpg.DeadlockDetectedError

        failing = Projection(bench.notes.name)
        failing.on(type(started()))(fail)
        applier = Applier(
            bench.backbone, failing, Run(bench.notes.name, 1, rebuilding=False), Policy("projection")
        )
        applier.next[STREAM, 0] = 0
        with pytest.raises(asyncpg.DeadlockDetectedError):
            await applier.apply([bench.log.write(thing, 1)])

        assert await bench.notes.of(bench.house, thing) == []
        assert (await bench.seq(thing), await bench.offset()) == (None, 0)
        assert await bench.letters() == []

    async def test_a_zombie_is_fenced_off_when_another_reader_moved_the_offset(self, bench: Bench) -> None:
        thing = new_id()
        item = bench.log.write(thing, 1)
        zombie = bench.applier()
        await bench.applier().apply([item])

        with pytest.raises(Fenced):
            await zombie.apply([item])

        assert await bench.notes.of(bench.house, thing) == [1]

    async def test_an_event_is_applied_once_when_the_log_repeats_it(self, bench: Bench) -> None:
        thing = new_id()
        items = [bench.log.write(thing, seq) for seq in (1, 2, 1, 2, 3, 2)]

        await bench.applier().apply(items[:4])
        await bench.applier(4).apply(items[4:])

        assert await bench.notes.of(bench.house, thing) == [1, 2, 3]

    async def test_seq_order_holds_when_the_log_is_out_of_order(self, bench: Bench) -> None:
        thing = new_id()
        items = [bench.log.write(thing, seq) for seq in (3, 4, 1, 5, 2)]

        for offset, item in enumerate(items):
            await bench.applier(offset).apply([item])

        assert await bench.notes.of(bench.house, thing) == [1, 2, 3, 4, 5]
        assert await bench.house.value("select count(*) from parked") == 0
        assert await bench.house.value("select parked from positions") == 0

    async def test_it_takes_the_same_few_statements_when_the_batch_is_large(self, bench: Bench) -> None:
        calls: list[int] = []
        whole = Projection(bench.notes.name)

        @whole.batch(type(started()))
        async def take(tx: Tx, batch: Any) -> None:
            calls.append(len(batch))

        applier = Applier(
            bench.backbone, whole, Run(bench.notes.name, 1, rebuilding=False), Policy("projection")
        )
        applier.next[STREAM, 0] = 0
        await applier.apply([bench.log.write(new_id(), 1) for _ in range(2000)])

        assert calls == [2000]
        assert await bench.house.value("select count(*) from positions where seq = 1") == 2000

    async def test_another_event_with_a_known_seq_is_set_aside(self, bench: Bench) -> None:
        thing = new_id()
        await bench.applier().apply([bench.log.write(thing, 1), bench.log.write(thing, 1, variant="other")])

        (letter,) = await list_letters(bench.house.admin)
        assert letter.reason.startswith("seq_conflict")
        assert await bench.notes.of(bench.house, thing) == [1]

    @pytest.mark.parametrize("others", [0, COPIED], ids=["inserted", "copied"])
    async def test_a_place_that_appeared_meanwhile_is_not_overwritten(
        self, bench: Bench, others: int
    ) -> None:
        thing = new_id()
        sneaky = Projection(bench.notes.name)

        @sneaky.batch(type(started()))
        async def sneak(tx: Tx, batch: Sequence[Received]) -> None:
            await bench.house.admin.execute(
                "insert into positions values ($1, $2, $3, $4, 1, 1, null, null, 0, false)",
                bench.notes.name, STREAM, thing, batch[0].tenant_id,
            )  # fmt: skip

        applier = Applier(
            bench.backbone, sneaky, Run(bench.notes.name, 1, rebuilding=False), Policy("projection")
        )
        applier.next[STREAM, 0] = 0
        with pytest.raises(Fenced):
            await applier.apply(
                [bench.log.write(one, 1) for one in (thing, *(new_id() for _ in range(others)))]
            )
        assert await bench.seq(thing) == 1
        assert await bench.offset() == 0


class TestPoison:
    async def test_each_bad_event_is_one_dead_letter_and_all_others_apply(self, bench: Bench) -> None:
        bench.notes.poison = {666}
        things = [new_id() for _ in range(40)]
        items = [bench.log.write(thing, 1, rows=666 if n in (7, 23) else 1) for n, thing in enumerate(things)]

        await bench.applier().apply(items)

        assert await bench.letters() == [(1, "waiting", 3), (1, "waiting", 3)]
        applied = [thing for thing in things if await bench.notes.of(bench.house, thing) == [1]]
        assert applied == [thing for n, thing in enumerate(things) if n not in (7, 23)]
        assert await bench.offset() == 40

    async def test_unreadable_values_are_set_aside_together_when_they_are_many(self, bench: Bench) -> None:
        things = [new_id() for _ in range(30)]
        bad = {n for n in range(30) if n % 3 == 0}
        items = [bench.log.write(t, 1, value=b"\xff" if n in bad else None) for n, t in enumerate(things)]

        await bench.applier().apply(items)

        assert len(await bench.letters()) == len(bad)
        assert await bench.house.value("select count(*) from notes") == 20

    async def test_later_events_wait_then_apply_in_order_when_it_is_replayed_after_a_fix(
        self, bench: Bench
    ) -> None:
        thing = new_id()
        bench.notes.poison = {666}
        applier = bench.applier()
        await applier.apply([bench.log.write(thing, seq, rows=666 if seq == 2 else 1) for seq in (1, 2, 3)])
        await applier.apply([bench.log.write(thing, 4)])
        assert (await bench.notes.of(bench.house, thing), await bench.seq(thing)) == ([1], 1)

        bench.notes.poison = set()
        (letter,) = await list_letters(bench.house.admin)
        await replay_letter(bench.house.admin, letter.id)
        await bench.serve(applier)

        assert await bench.notes.of(bench.house, thing) == [1, 2, 3, 4]
        assert await bench.letters() == [(2, "replayed", 3)]
        assert await bench.house.value("select count(*) from parked") == 0

    async def test_it_stays_set_aside_when_it_is_replayed_without_a_fix(self, bench: Bench) -> None:
        thing = new_id()
        bench.notes.poison = {666}
        applier = bench.applier()
        await applier.apply([bench.log.write(thing, 1, rows=666), bench.log.write(thing, 2)])

        (letter,) = await list_letters(bench.house.admin)
        await replay_letter(bench.house.admin, letter.id)
        await bench.serve(applier)

        assert await bench.letters() == [(1, "waiting", 4)]
        assert await bench.notes.of(bench.house, thing) == []

    async def test_later_events_go_on_when_it_is_discarded(self, bench: Bench) -> None:
        thing = new_id()
        bench.notes.poison = {666}
        applier = bench.applier()
        await applier.apply([bench.log.write(thing, 1, rows=666), bench.log.write(thing, 2)])

        (letter,) = await list_letters(bench.house.admin)
        await discard_letter(bench.house.admin, letter.id, "a test")
        await bench.serve(applier)

        assert await bench.notes.of(bench.house, thing) == [2]
        with pytest.raises(LetterClosed):
            await replay_letter(bench.house.admin, letter.id)

    async def test_what_waited_is_applied_when_the_process_ended_before_it_released_it(
        self, bench: Bench, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        thing, blocked = new_id(), new_id()
        bench.notes.poison = {666}
        killed = bench.applier()
        await killed.apply([bench.log.write(each, 1, rows=666) for each in (thing, blocked)])
        await killed.apply([bench.log.write(each, 2) for each in (thing, blocked)])
        letter, _ = await list_letters(bench.house.admin)
        await discard_letter(bench.house.admin, letter.id, "a test")
        monkeypatch.setattr(killed, "release", _ended)
        with pytest.raises(ConnectionError):
            await bench.serve(killed)

        await bench.applier(4).release_ready()

        assert await bench.notes.of(bench.house, letter.aggregate_id or thing) == [2]
        assert await bench.house.value("select count(*) from parked") == 1

    async def test_the_culprit_is_found_when_it_waited_behind_another(self, bench: Bench) -> None:
        thing = new_id()
        bench.notes.poison = {666}
        applier = bench.applier()
        await applier.apply([bench.log.write(thing, 3), bench.log.write(thing, 2, rows=666)])

        await applier.apply([bench.log.write(thing, 1)])

        assert await bench.letters() == [(2, "waiting", 3)]
        assert await bench.notes.of(bench.house, thing) == [1]
        assert (await bench.seq(thing), await bench.house.value("select parked from positions")) == (1, 1)

    async def test_it_is_not_tried_again_when_the_log_repeats_it(self, bench: Bench) -> None:
        thing = new_id()
        bench.notes.poison = {666}
        applier = bench.applier()
        await applier.apply([bench.log.write(thing, 1, rows=666)])
        await applier.apply([bench.log.write(thing, 1, rows=666)])

        assert await bench.letters() == [(1, "waiting", 3)]

    async def test_a_record_that_has_no_place_is_set_aside(self, bench: Bench) -> None:
        good = new_id()
        items = [bench.log.append(b"nobody", b"nothing", [("ce_id", b"x")]), bench.log.write(good, 1)]
        await bench.applier().apply(items)

        (letter,) = await list_letters(bench.house.admin)
        shown = await show_letter(bench.house.admin, letter.id)
        assert (shown.seq, shown.value, shown.headers) == (None, "nothing", {"ce_id": "x"})
        assert await bench.notes.of(bench.house, good) == [1]
        with pytest.raises(LetterNotFound):
            await show_letter(bench.house.admin, letter.id + 1)

    async def test_an_unknown_version_waits_for_people_and_an_unknown_type_does_not(
        self, bench: Bench
    ) -> None:
        one, two = new_id(), new_id()
        items = [
            bench.log.write(one, 1, type="cox.gateway.import_started.v2"),
            bench.log.write(two, 1, type="cox.gateway.something_else.v1"),
        ]
        await bench.applier().apply(items)

        assert await bench.letters() == [(1, "waiting", 1)]
        assert (await bench.seq(one), await bench.seq(two)) == (0, 1)

    async def test_the_consumer_stops_when_too_many_are_set_aside(self, bench: Bench) -> None:
        items = [bench.log.write(new_id(), 1, value=b"\xff" if n < 60 else None) for n in range(400)]

        with pytest.raises(Stopped, match="60 of the last 400"):
            await bench.applier().apply(items)

    async def test_the_consumer_stops_when_too_many_records_have_no_place(self, bench: Bench) -> None:
        items = [bench.log.append(b"nobody", b"nothing", [("ce_id", bytes([n]))]) for n in range(60)]

        with pytest.raises(Stopped, match="60 of the last 60"):
            await bench.applier().apply(items)


class TestReactions:
    @pytest.fixture
    async def acting(self, house: House) -> Bench:
        return await bench_of(house, Notes("gateway.acts", Reaction))

    async def test_history_only_advances_the_position(self, acting: Bench) -> None:
        thing = new_id()
        await acting.applier().apply([acting.log.write(thing, 1, historic=True), acting.log.write(thing, 2)])

        assert await acting.notes.of(acting.house, thing) == [2]
        assert await acting.seq(thing) == 2

    async def test_row_level_security_follows_the_tenant_when_a_batch_has_several(self, house: House) -> None:
        seen: list[tuple[UUID, list[UUID]]] = []
        looking = Reaction("gateway.looks")

        @looking.on(ImportFinished)
        async def look(tx: Tx, received: Received) -> None:
            rows = await tx.connection.fetch("select tenant_id from things")
            seen.append((received.tenant_id, [row["tenant_id"] for row in rows]))

        notes = Notes(looking.name, Reaction)
        notes.handlers = looking
        bench = await bench_of(house, notes)
        other = new_id()
        await house.created()
        async with house.transaction(other) as tx:
            await house.create(tx, started())
        items = [
            bench.log.write(new_id(), 1, tenant_id=tenant, type="cox.gateway.import_finished.v1")
            for tenant in (house.tenant, other, house.tenant)
        ]
        await bench.applier().apply(items)

        assert seen == [(tenant, [tenant]) for tenant in (house.tenant, other, house.tenant)]

    async def test_a_new_epochs_past_is_taken_note_of_and_its_news_acted_on(self, acting: Bench) -> None:
        thing, late = new_id(), new_id()
        applier = acting.applier()
        await applier.apply([acting.log.write(thing, seq) for seq in (1, 2)])
        past = [acting.log.write(thing, seq, epoch=2, replay=True) for seq in (1, 2, 3)]
        await applier.apply(past[:1])
        await applier.apply([*past[1:], acting.log.write(late, 1, epoch=2, replay=True)])
        await applier.apply([acting.log.write(thing, 4, epoch=2), acting.log.write(late, 2, epoch=2)])
        await applier.apply([acting.log.write(thing, 3, epoch=1)])

        assert await acting.notes.of(acting.house, thing) == [1, 2, 4]
        assert await acting.notes.of(acting.house, late) == [2]

    async def test_a_lost_event_is_acted_on_when_a_replay_brings_it(self, acting: Bench) -> None:
        thing = new_id()
        applier = acting.applier()
        await applier.apply([acting.log.write(thing, 1)])
        await applier.apply([acting.log.write(thing, seq, replay=True) for seq in (1, 2)])

        assert await acting.notes.of(acting.house, thing) == [1, 2]


class TestEpochs:
    async def test_a_projection_asks_to_be_rebuilt_when_a_higher_epoch_comes(self, bench: Bench) -> None:
        thing = new_id()
        applier = bench.applier()
        await applier.apply([bench.log.write(thing, 1)])

        with pytest.raises(NewEpoch) as raised:
            await applier.apply([bench.log.write(thing, 1, epoch=2, replay=True)])

        assert raised.value.epochs == {STREAM: 2}
        assert await bench.offset() == 1
