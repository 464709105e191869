"""Events are recorded with the change, in the order of locks, and are pending until sent."""

from __future__ import annotations

import asyncio

import asyncpg
import pytest

from shared.contracts.gateway import ImportStarted
from shared.database.transactions import Access
from shared.events.journal import AggregateMissing, NewEvent, Stream, record_events
from shared.events.migrations import EVENTS_PER_PARTITION
from shared.events.positions import Position
from shared.ids import new_id
from tests.integration.shared.events.conftest import NOON, STREAM, THINGS, House, finished, started
from tests.integration.shared.events.working import WAITS_FOR_A_LOCK


class TestRecordEvents:
    async def test_event_and_pending_row_are_there_when_the_transaction_commits(self, house: House) -> None:
        thing = await house.created(started(5), finished(5))

        assert await house.rows(
            "select type, aggregate_id, seq, tenant_id, payload::jsonb ->> 'kind' from events order by id"
        ) == [
            ("cox.gateway.import_started.v1", thing, 1, house.tenant, "leads"),
            ("cox.gateway.import_finished.v1", thing, 2, house.tenant, "leads"),
        ]
        assert await house.value("select count(*) from outbox_pending join events using (id)") == 2

    async def test_nothing_is_recorded_when_the_transaction_rolls_back(self, house: House) -> None:
        with pytest.raises(RuntimeError):
            async with house.transaction() as tx:
                await house.create(tx, started())
                raise RuntimeError

        assert await house.value("select count(*) from events") == 0
        assert await house.value("select count(*) from outbox_pending") == 0

    async def test_events_name_what_they_follow_from_when_the_transaction_has_a_cause(
        self, house: House
    ) -> None:
        thing, cause, other = await house.created(), new_id(), new_id()
        async with house.transaction() as tx:
            with tx.caused_by(cause):
                said = NewEvent(thing, started(), NOON, causation_id=other)
                await record_events(tx, THINGS, [NewEvent(thing, started(), NOON), said])
            await record_events(tx, THINGS, [NewEvent(thing, started(), NOON)])
        rows = await house.rows("select causation_id from events where seq > 1 order by seq")
        assert rows == [(cause,), (other,), (None,)]

    async def test_positions_are_returned_and_kept_when_several_aggregates_change(self, house: House) -> None:
        one, two = await house.created(), await house.created()

        async with house.transaction() as tx:
            news = [NewEvent(thing, started(), NOON) for thing in (two, one, two)]
            positions = await record_events(tx, THINGS, news)
            recorded = list(tx.recorded)

        assert (
            positions
            == recorded
            == [Position(STREAM, two, 2), Position(STREAM, one, 2), Position(STREAM, two, 3)]
        )
        assert await house.rows("select aggregate_id, seq from events where seq > 1 order by id") == [
            (two, 2), (one, 2), (two, 3)
        ]  # fmt: skip

    async def test_seqs_have_no_gap_and_no_double_when_writers_race(self, house: House) -> None:
        things = [await house.created() for _ in range(3)]

        async def write(turn: int) -> None:
            async with house.transaction() as tx:
                order = things[turn % 3 :] + things[: turn % 3]
                await record_events(tx, THINGS, [NewEvent(thing, started(turn), NOON) for thing in order])

        await asyncio.gather(*(write(turn) for turn in range(30)))

        for thing in things:
            by_id = await house.rows("select seq from events where aggregate_id = $1 order by id", thing)
            assert [seq for (seq,) in by_id] == list(range(1, 32))

    async def test_id_is_drawn_after_the_lock_when_another_writer_holds_the_aggregate(
        self, house: House
    ) -> None:
        thing, other = await house.created(), await house.created()
        async with house.transaction() as first:
            await house.change(first, thing)
            waiting = asyncio.create_task(house.changed(thing))
            while not await house.value(WAITS_FOR_A_LOCK):
                assert not waiting.done()
            await house.changed(other)
        await waiting

        # Had the waiting writer drawn its id before it had the lock, it would stand before the other's.
        assert await house.rows("select aggregate_id, seq from events where seq > 1 order by id") == [
            (thing, 2), (other, 2), (thing, 3)
        ]  # fmt: skip

    async def test_a_fact_without_a_table_gets_a_seq_when_recorded_on_a_stream(self, house: House) -> None:
        subject = new_id()
        for _ in range(2):
            async with house.transaction() as tx:
                positions = await record_events(
                    tx, Stream("notice"), [NewEvent(subject, started(), NOON)] * 2
                )

        assert [position.seq for position in positions] == [3, 4]

    async def test_it_refuses_when_the_aggregate_is_not_there(self, house: House) -> None:
        with pytest.raises(AggregateMissing):
            await house.changed(new_id())

    async def test_the_aggregate_of_another_tenant_is_not_raised_when_named(self, house: House) -> None:
        thing = await house.created()

        with pytest.raises(AggregateMissing):
            async with house.app.transaction(Access(new_id())) as tx:
                await record_events(tx, THINGS, [NewEvent(thing, started(), NOON)])

    async def test_a_thousand_aggregates_take_one_statement_when_created_in_bulk(self, house: House) -> None:
        ids = [new_id() for _ in range(1000)]
        async with house.transaction() as tx:
            insert = "insert into things (tenant_id, id, seq) select $1, unnest($2::uuid[]), 2"
            await tx.connection.execute(insert, house.tenant, ids)
            news = [NewEvent(thing, started(), NOON, historic=True) for thing in ids for _ in range(2)]
            queries: list[str] = []
            with _Log(tx.connection, queries):
                await record_events(tx, THINGS, news, created=True)

        # asyncpg asks once per connection what array types are; that is no statement of ours.
        assert len([query for query in queries if "insert into" in query]) == 1
        assert await house.value("select count(*) from events where historic and seq in (1, 2)") == 2000


class _Log:
    """Counts the statements of a connection while it is open."""

    def __init__(self, connection: asyncpg.Connection, queries: list[str]) -> None:
        self._connection, self._queries = connection, queries

    def _logged(self, query: object) -> None:
        self._queries.append(str(query))

    def __enter__(self) -> None:
        self._connection.add_query_logger(self._logged)

    def __exit__(self, *_: object) -> None:
        self._connection.remove_query_logger(self._logged)


class TestPartitions:
    async def test_the_journal_is_closed_to_changes_when_the_app_or_the_worker_asks(
        self, house: House
    ) -> None:
        await house.created()
        for database in (house.app, house.worker):
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                async with database.transaction(Access(house.tenant)) as tx:
                    await tx.connection.execute("update events set payload = ''")

    async def test_a_leaf_takes_over_what_the_default_held_when_it_is_made_late(self, house: House) -> None:
        await house.value("select setval('events_id_seq', $1)", 2 * EVENTS_PER_PARTITION + 5)
        thing = await house.created()
        assert await house.value("select tableoid::regclass::text from events") == "events_default"

        async with house.worker.transaction() as tx:
            made = await tx.connection.fetchval(
                "select cox_ensure_events_partition(2, $1)", EVENTS_PER_PARTITION
            )

        assert made
        assert await house.rows("select tableoid::regclass::text, aggregate_id from events") == [
            ("events_p000002", thing)
        ]

    @pytest.mark.parametrize("first_id", [1, 2 * EVENTS_PER_PARTITION + 5], ids=["leaf", "default"])
    async def test_a_doubled_seq_is_refused_when_somebody_goes_round_the_row_lock(
        self, house: House, first_id: int
    ) -> None:
        await house.value("select setval('events_id_seq', $1)", first_id)
        thing = await house.created()

        with pytest.raises(asyncpg.UniqueViolationError):
            async with house.transaction() as tx:
                news = [NewEvent(thing, ImportStarted(kind="leads", rows_total=1), NOON)]
                await record_events(tx, THINGS, news, created=True)
