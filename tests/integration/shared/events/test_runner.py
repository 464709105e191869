"""The consumer's loop: passing errors pass, stuck ones pause, a client that hangs is replaced, a stop is
clean.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Sequence
from typing import Any

import aiohttp
import asyncpg
import pytest
from aiokafka import AIOKafkaConsumer

from shared.contracts.gateway import ImportFinished, ImportStarted
from shared.database.errors import DatabaseUnavailable
from shared.database.transactions import Tx
from shared.events import kafka
from shared.events.consuming import consumer as consumer_module
from shared.events.consuming.applying import Applier, Item
from shared.events.consuming.consumer import Projection, Reaction, Received
from shared.events.consuming.dead_letters import list_letters, replay_letter
from shared.events.consuming.handlers import Matter
from shared.events.consuming.seeking import Seeker
from shared.events.consuming.store import Fenced
from shared.events.kafka import SlowCodec, assert_codec
from shared.events.worker import Worker
from tests.integration.shared.events.conftest import SERVICE, House, started
from tests.integration.shared.events.working import TIMEOUT_S, Notes, comes_true, eventually, working


class Flaky(Notes):
    """Fails so many times for a passing reason before it works."""

    def __init__(self, name: str, failures: int) -> None:
        self.failures = failures
        self.tries = 0
        super().__init__(name)

    async def _note(self, tx: Tx, received: Received) -> None:
        await super()._note(tx, received)
        self.tries += 1
        if self.tries <= self.failures:
            raise asyncpg.DeadlockDetectedError("for a while")


class Choosy(Notes):
    """A reaction that fails on the thing's 60th event, for a passing reason, until it was held once."""

    def __init__(self, name: str) -> None:
        self.failures = 0
        super().__init__(name, Reaction)

    async def _note(self, tx: Tx, received: Received) -> None:
        await super()._note(tx, received)
        if received.seq == 60 and self.failures <= consumer_module.QUICK_TRIES:
            self.failures += 1
            raise asyncpg.DeadlockDetectedError("for a while")


class TestPassingErrors:
    async def test_nothing_is_passed_over_when_a_portion_of_a_batch_is_held(self, house: House) -> None:
        choosy = Choosy("gateway.choosy")
        async with working(house, choosy.handlers):
            # Known before there is anything, or a new reaction would begin at the log's end.
            pass
        thing = await house.created(*(started() for _ in range(170)))
        async with working(house):
            await eventually(house, "select not exists (select from outbox_pending)")
        async with working(house, choosy.handlers):
            await choosy.reaches(house, thing, 170)

        assert choosy.failures > consumer_module.QUICK_TRIES
        assert await choosy.of(house, thing) == list(range(1, 171))

    @pytest.mark.parametrize("failures", [1, 6])
    async def test_the_effect_happens_once_when_errors_pass(self, house: House, failures: int) -> None:
        flaky = Flaky("gateway.flaky", failures)
        async with working(house, flaky.handlers):
            thing = await house.created(started(), started())
            await flaky.reaches(house, thing, 2)

        assert flaky.tries > failures
        assert await flaky.of(house, thing) == [1, 2]
        assert await list_letters(house.admin) == []

    async def test_a_missing_table_is_waited_for_and_nothing_is_set_aside(self, house: House) -> None:
        notes = Notes("gateway.notes")
        await house.admin.execute("alter table notes rename to notes_later")
        async with working(house, notes.handlers):
            thing = await house.created()
            await eventually(house, "select not exists (select from outbox_pending)")
            await house.admin.execute("alter table notes_later rename to notes")
            await notes.reaches(house, thing, 1)

        assert await list_letters(house.admin) == []

    async def test_consuming_goes_on_when_the_database_ends_every_session(self, house: House) -> None:
        notes = Notes("gateway.notes")
        end_all = """select count(pg_terminate_backend(pid)) from pg_stat_activity
            where datname = current_database() and pid <> pg_backend_pid()"""
        async with working(house, notes.handlers):
            first = await house.created()
            await notes.reaches(house, first, 1)
            await house.value(end_all)
            second = await house.created()
            await notes.reaches(house, second, 1)

        assert await notes.of(house, first) == await notes.of(house, second) == [1]


class TestDatabaseAway:
    async def test_the_client_is_kept_when_it_cannot_be_told_where_to_read(
        self, house: House, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        notes, clients, away = Notes("gateway.notes"), list[object](), iter(range(3))
        stored, made = Seeker._stored, kafka.Reader.__init__

        async def unavailable_at_first(self: Seeker, held: Any) -> Any:
            if next(away, None) is not None:
                raise DatabaseUnavailable
            return await stored(self, held)

        def counted(self: kafka.Reader, bootstrap: str, client_id: str, **options: Any) -> None:
            made(self, bootstrap, client_id, **options)
            clients.extend([client_id] if client_id == "cox-gateway.notes" else [])

        monkeypatch.setattr(Seeker, "_stored", unavailable_at_first)
        monkeypatch.setattr(kafka.Reader, "__init__", counted)
        async with working(house, notes.handlers):
            thing = await house.created()
            await notes.reaches(house, thing, 1)

        assert next(away, None) is None
        assert len(clients) == 1

    async def test_no_client_is_left_behind_when_it_is_away_at_the_start(
        self, house: House, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        notes, away, made = Notes("gateway.notes"), iter(range(3)), list[AIOKafkaConsumer]()
        begin = consumer_module.ConsumerRunner._new_applier

        async def unavailable_at_first(self: consumer_module.ConsumerRunner) -> Any:
            if next(away, None) is not None:
                raise DatabaseUnavailable
            return await begin(self)

        def remembered(*words: Any, **options: Any) -> AIOKafkaConsumer:
            made.append(AIOKafkaConsumer(*words, **options))
            return made[-1]

        monkeypatch.setattr(consumer_module.ConsumerRunner, "_new_applier", unavailable_at_first)
        monkeypatch.setattr("shared.events.kafka.AIOKafkaConsumer", remembered)
        async with working(house, notes.handlers):
            thing = await house.created()
            await notes.reaches(house, thing, 1)

        assert made
        assert all(each._closed for each in made)


class TestDeadLettersByWorker:
    async def test_the_worker_replays_what_was_asked_for(self, house: House) -> None:
        notes = Notes("gateway.notes")
        notes.poison = {666}
        async with working(house, notes.handlers):
            thing = await house.created(started(666), started())
            await eventually(house, "select exists (select from dead_letters)")
            notes.poison = set()
            (letter,) = await list_letters(house.admin)
            await replay_letter(house.admin, letter.id)
            await notes.reaches(house, thing, 2)

        assert await notes.of(house, thing) == [1, 2]

    async def test_the_consumer_stops_and_says_so_when_too_many_are_bad(self, house: House) -> None:
        notes = Notes("gateway.notes")
        notes.poison = {666}
        for _ in range(60):
            await house.created(started(666))
        async with working(house, notes.handlers, ready=False) as worker:
            await comes_true(lambda: any("are dead letters" in problem for problem in worker.problems()))
            thing = await house.created()
            await eventually(house, "select not exists (select from outbox_pending)")

        assert await notes.of(house, thing) == []


class TestWatchdog:
    async def test_the_client_is_replaced_when_it_reads_nothing_though_there_is_something(
        self, house: House, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(consumer_module, "WATCH_EVERY_S", 0.05)
        notes = Notes("gateway.notes")
        poll = kafka.Reader.poll
        deaf_turns: list[kafka.Reader] = []

        async def deaf(self: kafka.Reader, timeout_ms: int, max_records: int) -> list[kafka.Record]:
            """The first client lost its way: it returns, and brings nothing."""
            found = await poll(self, timeout_ms, max_records)
            if self is not first_reader:
                return found
            deaf_turns.append(self)
            return []

        async with working(house, notes.handlers) as worker:
            first = await house.created()
            await notes.reaches(house, first, 1)
            seeker = worker.runners[0]._seeker
            assert seeker is not None
            first_reader = seeker._reader
            monkeypatch.setattr(kafka.Reader, "poll", deaf)
            # From now on; long enough for a slow machine to hear something.
            monkeypatch.setattr(consumer_module, "STALLED_AFTER_S", 3.0)
            # The poll that was under way could still hear; the one after it is deaf.
            await comes_true(lambda: len(deaf_turns) > 0)
            second = await house.created()
            await notes.reaches(house, second, 1)
            assert worker.runners[0]._seeker is not seeker


class TestHeeding:
    @pytest.mark.parametrize(("heeded", "transactions"), [(True, 4), (False, 1)])
    async def test_what_nobody_heeds_shares_a_transaction_and_is_brought_all_the_same(
        self, house: House, monkeypatch: pytest.MonkeyPatch, heeded: bool, transactions: int
    ) -> None:
        acts = Notes("gateway.acts", Reaction)

        async def told(_tx: Tx, matters: Collection[Matter]) -> Collection[Matter]:
            return matters if heeded else ()

        assert isinstance(acts.handlers, Reaction)
        acts.handlers.heeding(told)
        async with working(house, acts.handlers):
            pass
        thing = await house.created(*(started() for _ in range(170)))
        async with working(house):
            await eventually(house, "select not exists (select from outbox_pending)")
        apply, batches = Applier.apply, list[int]()

        async def counted(self: Applier, items: Sequence[Item], *words: Any) -> None:
            batches.append(len(items))
            await apply(self, items, *words)

        monkeypatch.setattr(Applier, "apply", counted)
        async with working(house, acts.handlers):
            await acts.reaches(house, thing, 170)

        assert len(batches) == transactions
        assert await acts.of(house, thing) == list(range(1, 171))


class TestRebalance:
    async def test_nothing_is_passed_over_when_a_partition_is_taken_away_in_the_middle_of_a_batch(
        self, house: House, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        acts = Notes("gateway.acts", Reaction)
        async with working(house, acts.handlers):
            # Known before there is anything, or a new reaction would begin at the log's end.
            pass
        thing = await house.created(*(started() for _ in range(170)))
        async with working(house):
            await eventually(house, "select not exists (select from outbox_pending)")
        apply, consume, hold = Applier.apply, consumer_module.ConsumerRunner._consume, kafka.Reader.hold
        batches = list[int]()

        async def fenced_at_first(self: Applier, *words: Any) -> None:
            if len(batches) == 1 and kafka.Reader.hold is hold:
                # What is not assigned cannot be held.
                monkeypatch.setattr(kafka.Reader, "hold", lambda *_: None)
                raise Fenced("another reader moved it")
            await apply(self, *words)

        async def then_assigned_again(self: Any, items: Any, reader: kafka.Reader, *rest: Any) -> None:
            batches.append(len(items))
            await consume(self, items, reader, *rest)
            monkeypatch.setattr(kafka.Reader, "hold", hold)
            reader.hold(reader.assignment())

        monkeypatch.setattr(Applier, "apply", fenced_at_first)
        monkeypatch.setattr(consumer_module.ConsumerRunner, "_consume", then_assigned_again)
        async with working(house, acts.handlers):
            await acts.reaches(house, thing, 170)

        assert batches[0] > acts.handlers.max_batch
        assert await acts.of(house, thing) == list(range(1, 171))

    async def test_each_event_has_its_effect_once_when_workers_come_and_go(self, house: House) -> None:
        sets = [Notes("gateway.notes") for _ in range(3)]
        things = [await house.created() for _ in range(10)]

        async def write() -> None:
            for _ in range(8):
                await asyncio.gather(*(house.changed(thing) for thing in things))

        async with working(house, sets[0].handlers):
            writing = asyncio.create_task(write())
            async with working(house, sets[1].handlers, leading=False):
                await writing
                writing = asyncio.create_task(write())
            async with working(house, sets[2].handlers, leading=False):
                await writing
            for thing in things:
                await sets[0].reaches(house, thing, 17)

        for thing in things:
            assert await sets[0].of(house, thing) == list(range(1, 18))


class TestProcess:
    async def test_health_readiness_and_metrics_are_served_when_it_runs(self, house: House) -> None:
        import socket

        listener = socket.create_server(("127.0.0.1", 0))
        port = listener.getsockname()[1]
        notes = Notes("gateway.notes")
        async with working(house, notes.handlers, sock=listener), aiohttp.ClientSession() as client:
            for path, expected in (
                ("/healthz", "ok"),
                ("/readyz", "ready"),
                ("/metrics", "cox_outbox_pending"),
            ):
                async with client.get(f"http://127.0.0.1:{port}{path}") as answer:
                    assert answer.status == 200
                    assert expected in await answer.text()

    async def test_it_is_not_ready_when_the_broker_is_away(self, house: House) -> None:
        settings = house.settings.model_copy(update={"kafka_bootstrap": "127.0.0.1:1"})
        worker = Worker(settings, SERVICE, consumers=[Notes("gateway.notes").handlers])
        task = asyncio.create_task(worker.run())
        await comes_true(lambda: "wait for the broker" in str(worker.problems()))
        await worker.stop()
        async with asyncio.timeout(TIMEOUT_S):
            await task

    def test_it_refuses_to_start_without_the_fast_codec(self, monkeypatch: pytest.MonkeyPatch) -> None:
        class Slow:
            __module__ = "aiokafka.record.default_records"

        monkeypatch.setattr(kafka, "DefaultRecordBatchBuilder", Slow)
        with pytest.raises(SlowCodec):
            assert_codec()


class TestHandlers:
    def test_a_type_has_one_handler_in_a_set(self) -> None:
        projection = Projection("gateway.notes")
        projection.on(ImportStarted)(Notes("x")._note)
        with pytest.raises(ValueError, match="two handlers"):
            projection.on(ImportFinished, ImportStarted)(Notes("x")._note)
