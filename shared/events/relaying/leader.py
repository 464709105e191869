"""Leadership of a database's relay: a session advisory lock on a connection that cannot outlive its owner."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from time import monotonic
from typing import Any

import asyncpg

from shared.database.connections import Raw
from shared.database.engine import connect_raw
from shared.events.tasks import end
from shared.settings import Settings

LOCK = 0x636F7872
IDLE_TIMEOUT = "5s"
PING_S = 1.0
STATEMENT_S = 10.0


class LeadershipLost(Exception):
    """The session is gone, and the lock with it; somebody else may lead by now."""


class Leadership:
    """The leader's session: every statement of the relay runs on it, so that none outlives the lock.

    It holds no transaction. A leader that is stopped (SIGSTOP, a hung loop) sends nothing for 5 s: the
    server ends the session and frees the lock.
    """

    def __init__(self, connection: Raw) -> None:
        self._connection = connection
        self._mutex = asyncio.Lock()
        self._used_at = monotonic()
        self._pinger = asyncio.create_task(self._ping(), name="leader ping")

    @classmethod
    async def acquire(cls, settings: Settings, service: str, *, wait_s: float = 0.0) -> Leadership | None:
        """The leadership, or None where another session has it for longer than that. Raises errors of the
        database.
        """
        connection = await connect_raw(settings, service, "worker")
        try:
            await connection.execute(f"set idle_session_timeout = '{IDLE_TIMEOUT}'")
            if await _locked(connection, wait_s):
                return cls(connection)
        except BaseException:
            connection.terminate()
            raise
        await connection.close(timeout=5)
        return None

    async def fetch(self, query: str, *arguments: Any) -> list[Any]:
        """Run a statement of its own. Raises LeadershipLost."""
        async with self._mutex:
            self._check()
            try:
                rows = await self._connection.fetch(query, *arguments, timeout=STATEMENT_S)
            except BaseException:
                # Whatever it was, what this session did is unknown: give up the lock with it.
                self._connection.terminate()
                raise
            self._used_at = monotonic()
            return list(rows)

    async def value(self, query: str, *arguments: Any) -> Any:
        rows = await self.fetch(query, *arguments)
        return rows[0][0] if rows else None

    def _check(self) -> None:
        if self._connection.is_closed():
            raise LeadershipLost("the leader's session is gone")

    @property
    def lost(self) -> bool:
        return self._connection.is_closed()

    async def _ping(self) -> None:
        with suppress(Exception):
            while True:
                await asyncio.sleep(PING_S)
                if monotonic() - self._used_at >= PING_S / 2:
                    await self.fetch("select 1")

    async def release(self) -> None:
        """End the session; the lock goes with it."""
        await end([self._pinger])
        with suppress(Exception):
            await self._connection.close(timeout=2)


async def _locked(connection: Raw, wait_s: float) -> bool:
    """Whether this session has the lock by then. Who waits in the server has it the moment it is free."""
    if not wait_s:
        return bool(await connection.fetchval("select pg_try_advisory_lock($1)", LOCK))
    await connection.execute(f"set lock_timeout = {round(wait_s * 1000)}")
    try:
        await connection.fetchval("select pg_advisory_lock($1)", LOCK, timeout=wait_s + STATEMENT_S)
    except asyncpg.LockNotAvailableError:
        return False
    await connection.execute("reset lock_timeout")
    return True
