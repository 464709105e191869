"""Connections of one engine, kept in hand between transactions.

SQLAlchemy's pool hands each one out and takes it back through two changes of greenlet and a reset: a tenth of
a small write's time, for a connection whose transaction we have ended ourselves.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING

import asyncpg
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from shared.database.errors import DatabaseUnavailable, is_transient

if TYPE_CHECKING:
    Raw = asyncpg.Connection[asyncpg.Record]
else:
    # Others name it at run time; only the checker knows that the class takes a parameter.
    Raw = asyncpg.Connection

WAIT_S = 10.0


class Connections:
    """At most as many as the engine's pool has; an engine without a pool has none kept."""

    def __init__(self, engine: AsyncEngine) -> None:
        size = getattr(engine.pool, "size", None)
        self.most: int = 1 if size is None else size()
        self._pooled = self._keeps = size is not None
        # BEGIN and COMMIT are ours, so SQLAlchemy must send none; begin_nested() still makes savepoints.
        self._engine = engine.execution_options(isolation_level="AUTOCOMMIT")
        self._free = asyncio.Semaphore(self.most)
        self._kept: list[tuple[AsyncConnection, Raw]] = []

    async def take(self) -> tuple[AsyncConnection, Raw]:
        """One that nobody uses, made if there is none; it may have been closed by the server meanwhile.

        Raises DatabaseUnavailable where there is none within WAIT_S.
        """
        if self._pooled:
            await self._turn()
        if self._kept:
            return self._kept.pop()
        try:
            conn = await self._engine.connect()
        except BaseException as error:
            self._released()
            if isinstance(error, Exception) and is_transient(error):
                raise DatabaseUnavailable("the database cannot be reached; try again") from error
            raise
        return conn, _driver(conn)

    async def _turn(self) -> None:
        if not self._free.locked():
            await self._free.acquire()
            return
        try:
            async with asyncio.timeout(WAIT_S):
                await self._free.acquire()
        except TimeoutError as error:
            raise DatabaseUnavailable("every connection to the database is in use; try again") from error

    async def give_back(self, conn: AsyncConnection, raw: Raw) -> None:
        """Outside any transaction. One that SQLAlchemy has used as well goes through its pool's reset."""
        try:
            if self._keeps and not conn.in_transaction():
                self._kept.append((conn, raw))
            else:
                await conn.close()
        finally:
            self._released()

    async def discard(self, conn: AsyncConnection) -> None:
        """One whose state nobody knows, or that is closed."""
        try:
            with suppress(Exception):
                await conn.invalidate()
            with suppress(Exception):
                await conn.close()
        finally:
            self._released()

    async def close(self) -> None:
        """Close those that are kept; those in use are closed when they come back."""
        self._keeps = False
        while self._kept:
            conn, _ = self._kept.pop()
            await conn.close()

    def _released(self) -> None:
        if self._pooled:
            self._free.release()


def _driver(conn: AsyncConnection) -> Raw:
    driver = None if conn.sync_connection is None else conn.sync_connection.connection.driver_connection
    assert isinstance(driver, asyncpg.Connection)  # noqa: S101 - the engine is made for asyncpg
    return driver
