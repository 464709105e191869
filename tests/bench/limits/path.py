"""The least that could lead from an insert to a number: insert, bare relay, bare consumer."""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime
from typing import TypeAlias
from uuid import UUID

import asyncpg
import orjson

from shared.ids import new_id
from tests.bench.child import running
from tests.bench.limits import events as limit_events
from tests.bench.limits.schema import HEADERS, INSERT_LEAD, INSERT_OUTBOX, KPIS, LEADS, WAKE

_PAUSE_S = 0.003
_HANG_S = 120.0

Connection: TypeAlias = "asyncpg.Connection[asyncpg.Record]"


class Raw:
    """The limit: insert, bare relay, bare consumer, which tells when its commit returned."""

    def __init__(self, connection: Connection, told: asyncio.Queue[bytes]) -> None:
        self._connection, self._told = connection, told
        self._number = 0

    async def one(self) -> float:
        """Ms from before the insert to the KPI's commit."""
        self._number += 1
        began = time.perf_counter()
        await self._insert(new_id())
        async with asyncio.timeout(_HANG_S):
            await self._told.get()
        took = (time.perf_counter() - began) * 1000
        await asyncio.sleep(_PAUSE_S)
        return took

    async def _insert(self, lead: UUID) -> None:
        payload = limit_events.event(self._number).decode()
        async with self._connection.transaction():
            await self._connection.execute(
                INSERT_LEAD, lead, lead, "Ivan Petrov", "Example Industries", f"+7{self._number:013d}",
                "ivan@example.com", "web", "north", ["a", "hot"], "new", None, "owned", None, "{}",
                datetime.now(UTC),
            )  # fmt: skip
            await self._connection.execute(INSERT_OUTBOX, lead, lead, payload, HEADERS)


class _Told(asyncio.DatagramProtocol):
    def __init__(self, told: asyncio.Queue[bytes]) -> None:
        self._told = told

    def datagram_received(self, data: bytes, _address: object) -> None:
        for _ in range(orjson.loads(data)[0]):
            self._told.put_nowait(data)


@asynccontextmanager
async def raw_path(
    bootstrap: str, url: str, database: AbstractAsyncContextManager[Connection]
) -> AsyncIterator[Raw]:
    """Everything of it running; `database` is the limits' own, at `url`."""
    told = asyncio.Queue[bytes]()
    topic = await limit_events.make_topic(bootstrap)
    async with AsyncExitStack() as stack:
        stack.push_async_callback(limit_events.delete_topic, bootstrap, topic)
        connection = await stack.enter_async_context(database)
        await connection.execute(LEADS + WAKE + KPIS)
        loop = asyncio.get_running_loop()
        ears, _ = await loop.create_datagram_endpoint(lambda: _Told(told), local_addr=("127.0.0.1", 0))
        stack.callback(ears.close)
        sock: socket.socket = ears.get_extra_info("socket")
        words = {"BENCH_URL": url, "BENCH_KAFKA": bootstrap, "BENCH_TOPIC": topic}
        tell = str(sock.getsockname()[1])
        await stack.enter_async_context(running("tests.bench.limits.consumer", **words, BENCH_TELL=tell))
        await stack.enter_async_context(running("tests.bench.limits.relay", **words))
        raw = Raw(connection, told)
        # The first one waits until both have started.
        for _ in range(20):
            await raw.one()
        yield raw
