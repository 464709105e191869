"""A small TCP proxy: what goes through it can be made late, and cut."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from random import Random

_CHUNK = 65_536


class Wire:
    """Passes 127.0.0.1:`port` on to another port there. `delay_s` is added to every chunk, both ways."""

    def __init__(self, name: str, target: int) -> None:
        self.name = name
        self.target = target
        self.delay_s = 0.0
        self._server: asyncio.Server
        self._open: set[tuple[asyncio.StreamWriter, asyncio.StreamWriter]] = set()
        self._tasks: set[asyncio.Task[None]] = set()

    async def start(self, port: int = 0) -> None:
        self._server = await asyncio.start_server(self._accepted, "127.0.0.1", port)

    @property
    def port(self) -> int:
        return int(self._server.sockets[0].getsockname()[1])

    @property
    def connections(self) -> int:
        """Connections that are open now."""
        return len(self._open)

    def cut(self, chance: Random, share: float = 1.0) -> int:
        """Reset this share of the connections, without a good-bye. How many it were."""
        chosen = [ends for ends in self._open if chance.random() < share]
        for ends in chosen:
            _abort(ends)
        return len(chosen)

    async def stop(self) -> None:
        self._server.close()
        for ends in list(self._open):
            _abort(ends)
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _accepted(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self.target)
        except OSError:
            # Nobody there: the caller gets what they would have got without us.
            writer.transport.abort()
            return
        ends = (writer, far_writer)
        self._open.add(ends)
        for one, other in ((reader, far_writer), (far_reader, writer)):
            task = asyncio.create_task(self._pass(one, other))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
            task.add_done_callback(lambda _: self._open.discard(ends))

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            while chunk := await reader.read(_CHUNK):
                if self.delay_s:
                    await asyncio.sleep(self.delay_s)
                writer.write(chunk)
                await writer.drain()
        with suppress(OSError):
            writer.close()


def _abort(ends: tuple[asyncio.StreamWriter, asyncio.StreamWriter]) -> None:
    for writer in ends:
        writer.transport.abort()


@asynccontextmanager
async def wired(name: str, target: int, port: int = 0) -> AsyncIterator[Wire]:
    """A wire to that port of 127.0.0.1 while the block runs; `port` 0: any free one."""
    wire = Wire(name, target)
    await wire.start(port)
    try:
        yield wire
    finally:
        await wire.stop()
