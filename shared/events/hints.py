"""Hints: one NOTIFY for what happened since the last one, on a connection of their own.

Never inside a writing transaction: there a NOTIFY takes a lock of the whole server at commit. A hint may be
lost; whoever waits for one also polls.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from time import monotonic

from shared.database.connections import Raw
from shared.database.engine import connect_raw
from shared.events.breathing import Rest
from shared.events.faults import DATABASE_ERRORS
from shared.events.tasks import end
from shared.observability.logs import get_logger
from shared.settings import Settings

RECORDED = "cox_recorded"
"""Something was recorded in the journal."""
APPLIED = "cox_applied"
"""A consumer committed a batch."""

RECONNECT_S = 1.0

log = get_logger(__name__)

Connect = Callable[[], Awaitable[Raw]]


def connector(settings: Settings, service: str, role: str = "app") -> Connect:
    """How hints of a service reach its database."""

    async def connect() -> Raw:
        return await connect_raw(settings, service, "worker" if role == "worker" else "app")

    return connect


class Hints:
    """Sends hints. `poke` returns at once and never raises, wherever it is called."""

    def __init__(self, connect: Connect, channel: str) -> None:
        self._connect = connect
        self._statement = f"notify {channel}"
        self._wanted = asyncio.Event()
        self._pokes = 0
        self._task: asyncio.Task[None] | None = None

    def poke(self) -> None:
        self._pokes += 1
        self._wanted.set()

    async def start(self) -> None:
        self._task = asyncio.create_task(self._run(), name="hints")

    async def stop(self) -> None:
        if self._task is not None:
            await end([self._task])

    async def _run(self) -> None:
        while True:
            try:
                connection = await self._connect()
            except DATABASE_ERRORS:
                await asyncio.sleep(RECONNECT_S)
                continue
            try:
                await self._send_on(connection)
            except DATABASE_ERRORS:
                await asyncio.sleep(RECONNECT_S)
            finally:
                connection.terminate()

    async def _send_on(self, connection: Raw) -> None:
        rest = Rest()
        while True:
            await self._wanted.wait()
            self._wanted.clear()
            carried, self._pokes = self._pokes, 0
            began = monotonic()
            await connection.execute(self._statement, timeout=5)
            await asyncio.sleep(rest.after(carried, monotonic() - began))


class Ears:
    """Hears hints: sets every event in `listeners` at each, and after each lost connection."""

    def __init__(self, connect: Connect, *channels: str) -> None:
        self._connect = connect
        self._channels = channels
        self._listeners: dict[str, set[asyncio.Event]] = {channel: set() for channel in channels}
        self._task: asyncio.Task[None] | None = None

    def listen(self, channel: str, event: asyncio.Event) -> None:
        self._listeners[channel].add(event)

    def forget(self, channel: str, event: asyncio.Event) -> None:
        self._listeners[channel].discard(event)

    async def start(self) -> None:
        self._task = asyncio.create_task(self._run(), name="ears")

    async def stop(self) -> None:
        if self._task is not None:
            await end([self._task])

    def _heard(self, _connection: object, _pid: int, channel: str, _payload: object) -> None:
        for event in self._listeners[channel]:
            event.set()

    async def _run(self) -> None:
        while True:
            try:
                connection = await self._connect()
            except DATABASE_ERRORS:
                await asyncio.sleep(RECONNECT_S)
                continue
            lost = asyncio.Event()
            connection.add_termination_listener(lambda _connection, gone=lost: gone.set())
            try:
                for channel in self._channels:
                    await connection.add_listener(channel, self._heard)
                await lost.wait()
            except DATABASE_ERRORS as error:
                log.warning("hints_unheard", error=repr(error))
                await asyncio.sleep(RECONNECT_S)
            finally:
                connection.terminate()
