"""The one kind of transaction, on a real server: who asks, all or nothing, dead connections replaced."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import nullcontext
from uuid import UUID, uuid4

import asyncpg
import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from shared.database import migrate, rls
from shared.database.engine import make_engine
from shared.database.errors import (
    DatabaseUnavailable,
    TransactionLostError,
    is_retryable_write,
    is_transient,
    sqlstate,
)
from shared.database.transactions import Access, Database, Tx
from shared.events.positions import Position
from shared.settings import Settings
from tests.support.pair import Pair

SERVICE = "transactions"


@pytest.fixture(scope="module")
async def admin(pair: Pair, settings: Settings) -> AsyncIterator[asyncpg.Connection[asyncpg.Record]]:
    name = settings.database_name(SERVICE)
    await migrate.create_databases_and_roles(pair.postgres_url, [name], pair.role_password)
    connection = await asyncpg.connect(pair.postgres_url, database=name)
    for statement in rls.PRELUDE:
        await connection.execute(statement)
    await connection.execute(
        "create table notes (tenant_id uuid, id int, body text, primary key (tenant_id, id))"
    )
    for statement in rls.tenant_policy("notes"):
        await connection.execute(statement)
    yield connection
    await connection.close()


@pytest.fixture
async def database(admin: object, settings: Settings) -> AsyncIterator[Database]:
    made = Database(make_engine(settings, SERVICE, "app", pool_size=2))
    yield made
    await made.dispose()


async def write(tx: Tx, number: int) -> None:
    statement = text("insert into notes values (:tenant, :id, 'x')")
    await tx.conn.execute(statement, {"tenant": tx.tenant_id, "id": number})


async def stored(admin: asyncpg.Connection[asyncpg.Record], tenant: UUID) -> list[int]:
    return [
        row["id"]
        for row in await admin.fetch("select id from notes where tenant_id = $1 order by id", tenant)
    ]


class TestWhoAsks:
    async def test_the_server_knows_the_caller_when_inside(self, database: Database) -> None:
        access = Access(uuid4(), uuid4(), "subtree", uuid4())
        async with database.transaction(access) as tx:
            row = (
                await tx.conn.execute(text("select cox_tenant(), cox_user(), cox_visibility(), cox_unit()"))
            ).one()
        assert tuple(row) == (access.tenant_id, access.user_id, "subtree", access.unit_id)

    async def test_nobody_is_known_when_the_next_one_does_not_say(self, database: Database) -> None:
        for _ in range(2):
            async with database.transaction(Access(uuid4(), uuid4(), "own", uuid4())):
                pass
            async with database.transaction() as tx:
                row = (
                    await tx.conn.execute(
                        text("select cox_tenant(), cox_user(), cox_visibility(), cox_unit()")
                    )
                ).one()
            assert tuple(row) == (None, None, None, None)

    async def test_sees_the_tenant_only_when_reading_without_a_where(
        self, database: Database, admin: asyncpg.Connection[asyncpg.Record]
    ) -> None:
        mine, other = uuid4(), uuid4()
        await admin.execute("insert into notes values ($1, 1, 'mine'), ($2, 1, 'other')", mine, other)
        async with database.transaction(Access(mine)) as tx:
            bodies = (await tx.conn.execute(text("select body from notes"))).scalars().all()
        async with database.transaction() as tx:
            nobodys = (await tx.conn.execute(text("select body from notes"))).scalars().all()
        assert (bodies, nobodys) == (["mine"], [])

    async def test_the_row_is_refused_when_it_is_another_tenants(self, database: Database) -> None:
        with pytest.raises(DBAPIError) as refused:
            async with database.transaction(Access(uuid4())) as tx:
                await tx.conn.execute(text("insert into notes values (:t, 1, 'x')"), {"t": uuid4()})
        assert sqlstate(refused.value) == "42501"

    async def test_visibility_widens_for_this_transaction_only_when_asked(self, database: Database) -> None:
        access = Access(uuid4(), uuid4(), "own")
        seen = []
        async with database.transaction(access) as tx:
            await tx.as_tenant()
            seen.append((await tx.conn.execute(text("select cox_visibility()"))).scalar())
        async with database.transaction(access) as tx:
            seen.append((await tx.conn.execute(text("select cox_visibility()"))).scalar())
        assert seen == ["tenant", "own"]


class TestAllOrNothing:
    async def test_everything_is_stored_when_the_block_ends(
        self, database: Database, admin: asyncpg.Connection[asyncpg.Record]
    ) -> None:
        tenant = uuid4()
        async with database.transaction(Access(tenant)) as tx:
            await write(tx, 1)
            await (await tx.raw()).execute("insert into notes values ($1, 2, 'raw')", tenant)
        assert await stored(admin, tenant) == [1, 2]

    async def test_nothing_is_stored_when_the_block_raises(
        self, database: Database, admin: asyncpg.Connection[asyncpg.Record]
    ) -> None:
        tenant = uuid4()
        with pytest.raises(RuntimeError):
            async with database.transaction(Access(tenant)) as tx:
                await write(tx, 1)
                raise RuntimeError
        assert await stored(admin, tenant) == []

    @pytest.mark.parametrize(("closing", "left"), [("values ($, 2, 'last')", [1, 2]), ("values (1)", [])])
    async def test_what_goes_with_the_commit_is_stored_with_all_of_it_or_nothing_is(
        self, database: Database, admin: asyncpg.Connection[asyncpg.Record], closing: str, left: list[int]
    ) -> None:
        tenant, fails = uuid4(), not left
        with pytest.raises(asyncpg.PostgresError) if fails else nullcontext():
            async with database.transaction(Access(tenant)) as tx:
                await write(tx, 1)
                tx.closing.append("insert into notes " + closing.replace("$", f"'{tenant}'"))
        assert await stored(admin, tenant) == left
        async with database.transaction(Access(tenant)) as tx:
            await write(tx, 3)
        assert await stored(admin, tenant) == [*left, 3]

    async def test_only_the_savepoint_is_lost_when_a_nested_block_raises(
        self, database: Database, admin: asyncpg.Connection[asyncpg.Record]
    ) -> None:
        tenant = uuid4()
        async with database.transaction(Access(tenant)) as tx:
            await write(tx, 1)
            with pytest.raises(DBAPIError):
                async with tx.conn.begin_nested():
                    await write(tx, 2)
                    await write(tx, 1)
            await write(tx, 3)
        assert await stored(admin, tenant) == [1, 3]

    async def test_the_caller_is_told_when_a_swallowed_error_undid_it(self, database: Database) -> None:
        with pytest.raises(TransactionLostError):
            async with database.transaction(Access(uuid4())) as tx:
                await write(tx, 1)
                with pytest.raises(DBAPIError):
                    await write(tx, 1)

    async def test_nothing_is_stored_and_the_pool_stays_whole_when_tasks_are_cancelled(
        self, database: Database, admin: asyncpg.Connection[asyncpg.Record]
    ) -> None:
        tenant = uuid4()
        writing = asyncio.Event()

        async def stuck() -> None:
            async with database.transaction(Access(tenant)) as tx:
                await write(tx, 1)
                writing.set()
                await tx.conn.execute(text("select pg_sleep(60)"))

        for _ in range(4):  # twice the pool's size: a leaked connection would block the third
            writing.clear()
            task = asyncio.create_task(stuck())
            await writing.wait()
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
        async with (
            database.transaction(Access(tenant)) as first,
            database.transaction(Access(tenant)) as second,
        ):
            await write(first, 2)
            await write(second, 3)
        assert await stored(admin, tenant) == [2, 3]


class TestSavepoint:
    async def test_only_the_block_is_undone_when_it_raises(
        self, database: Database, admin: asyncpg.Connection[asyncpg.Record]
    ) -> None:
        tenant = uuid4()
        async with database.transaction(Access(tenant)) as tx:
            async with tx.savepoint():
                await write(tx, 1)
                with pytest.raises(DBAPIError):
                    async with tx.savepoint():
                        await write(tx, 2)
                        tx.recorded.append(Position("stream", uuid4(), 1))
                        await write(tx, 1)
            await write(tx, 3)
            assert tx.recorded == []
        assert await stored(admin, tenant) == [1, 3]

    async def test_the_block_is_undone_when_nothing_of_it_is_to_be_kept(
        self, database: Database, admin: asyncpg.Connection[asyncpg.Record]
    ) -> None:
        tenant = uuid4()
        async with database.transaction(Access(tenant)) as tx:
            async with tx.savepoint(keep=False):
                await write(tx, 1)
                async with tx.savepoint():
                    await write(tx, 2)
                    tx.recorded.append(Position("stream", uuid4(), 1))
            assert tx.recorded == []
            await write(tx, 3)
        assert await stored(admin, tenant) == [3]


class TestHint:
    async def test_is_given_once_when_events_were_recorded(self, settings: Settings, admin: object) -> None:
        hints: list[str] = []
        database = Database(
            make_engine(settings, SERVICE, "app", pool_size=2), hint=lambda: hints.append("hint")
        )
        async with database.transaction(Access(uuid4())) as tx:
            tx.recorded.extend([object(), object()])  # type: ignore[list-item]
            assert hints == []
        async with database.transaction(Access(uuid4())):
            pass
        with pytest.raises(RuntimeError):
            async with database.transaction(Access(uuid4())) as tx:
                tx.recorded.append(object())  # type: ignore[arg-type]
                raise RuntimeError
        await database.dispose()
        assert hints == ["hint"]


class TestLostConnections:
    async def test_work_goes_on_when_the_server_closed_idle_connections(
        self, database: Database, admin: asyncpg.Connection[asyncpg.Record]
    ) -> None:
        tenant = uuid4()
        async with database.transaction(Access(tenant)), database.transaction(Access(tenant)):
            pass
        await self.end_all(admin)
        async with (
            database.transaction(Access(tenant)) as first,
            database.transaction(Access(tenant)) as second,
        ):
            await write(first, 1)
            await write(second, 2)
        assert await stored(admin, tenant) == [1, 2]

    async def test_the_error_is_passing_when_the_connection_ends_inside(
        self, database: Database, admin: asyncpg.Connection[asyncpg.Record]
    ) -> None:
        tenant = uuid4()
        with pytest.raises(DBAPIError) as lost:
            async with database.transaction(Access(tenant)) as tx:
                await write(tx, 1)
                await self.end_all(admin)
                await write(tx, 2)
        assert is_transient(lost.value)
        async with database.transaction(Access(tenant)) as tx:
            await write(tx, 3)
        assert await stored(admin, tenant) == [3]

    async def test_says_unavailable_when_nobody_listens(self, settings: Settings) -> None:
        # A port that the system gives nobody.
        nowhere = Settings(postgres_url="postgresql://postgres@127.0.0.1:1/postgres")
        database = Database(make_engine(nowhere, SERVICE, "app"))
        with pytest.raises(DatabaseUnavailable):
            async with database.transaction():
                pytest.fail("there is no server")

    @staticmethod
    async def end_all(admin: asyncpg.Connection[asyncpg.Record]) -> None:
        await admin.execute(
            "select pg_terminate_backend(pid, 5000) from pg_stat_activity"
            " where datname = current_database() and pid <> pg_backend_pid()"
        )


class TestStopped:
    async def test_a_worker_loses_its_rows_while_a_request_still_waits_for_them(
        self, database: Database, settings: Settings
    ) -> None:
        worker = Database(make_engine(settings, SERVICE, "worker", pool_size=1))
        in_ms = "select setting::int from pg_settings where name = $1"
        try:
            async with worker.transaction() as tx, database.transaction() as asking:
                holds = await tx.connection.fetchval(in_ms, "idle_in_transaction_session_timeout")
                waits = await asking.connection.fetchval(in_ms, "statement_timeout")
        finally:
            await worker.dispose()
        assert 0 < holds < waits


class TestErrors:
    async def test_the_write_may_run_again_when_it_was_a_deadlock(self, database: Database) -> None:
        tenant = uuid4()
        async with database.transaction(Access(tenant)) as tx:
            await write(tx, 1)
            await write(tx, 2)
        locked = asyncio.Barrier(2)

        async def update(first: int, second: int) -> None:
            statement = text("update notes set body = 'y' where id = :id")
            async with database.transaction(Access(tenant)) as tx:
                await tx.conn.execute(statement, {"id": first})
                await locked.wait()
                await tx.conn.execute(statement, {"id": second})

        outcomes = await asyncio.gather(update(1, 2), update(2, 1), return_exceptions=True)
        failed = [outcome for outcome in outcomes if outcome is not None]
        assert len(failed) == 1
        assert is_retryable_write(failed[0])

    async def test_trying_again_is_no_use_when_a_constraint_refused(self, database: Database) -> None:
        with pytest.raises(DBAPIError) as refused:
            async with database.transaction(Access(uuid4())) as tx:
                await write(tx, 1)
                await write(tx, 1)
        assert sqlstate(refused.value) == "23505"
        assert not is_transient(refused.value)
