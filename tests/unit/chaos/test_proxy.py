"""The wire passes everything on, and can be cut."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from random import Random

import pytest

from tests.chaos.proxy import Wire, wired


@pytest.fixture
async def echo() -> AsyncIterator[int]:
    """The port of a server that sends back what it gets."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while chunk := await reader.read(65_536):
            writer.write(chunk)
            await writer.drain()
        writer.close()

    async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
        yield server.sockets[0].getsockname()[1]


@pytest.fixture
async def wire(echo: int) -> AsyncIterator[Wire]:
    async with wired("echo", echo) as made:
        yield made


async def ended(reader: asyncio.StreamReader) -> bool:
    """Whether the connection is over: reset, or closed with nothing said."""
    try:
        return await reader.read(1) == b""
    except ConnectionResetError:
        return True


class TestWire:
    async def test_everything_comes_through_when_much_is_sent(self, wire: Wire) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", wire.port)
        sent = Random(1).randbytes(1_000_000)
        writer.write(sent)
        assert await reader.readexactly(len(sent)) == sent
        writer.close()

    async def test_everything_comes_through_when_it_is_late(self, wire: Wire) -> None:
        wire.delay_s = 0.01
        reader, writer = await asyncio.open_connection("127.0.0.1", wire.port)
        writer.write(b"hello")
        assert await reader.readexactly(5) == b"hello"
        writer.close()

    async def test_both_ends_are_told_when_it_is_cut(self, wire: Wire) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", wire.port)
        writer.write(b"hello")
        await reader.readexactly(5)
        assert wire.cut(Random(1)) == wire.connections == 1
        assert await ended(reader)
        writer.close()

    async def test_callers_are_refused_when_nobody_is_behind_it(self, unused: int) -> None:
        async with wired("nobody", unused) as wire:
            reader, writer = await asyncio.open_connection("127.0.0.1", wire.port)
            assert await ended(reader)
            writer.close()

    @pytest.fixture
    async def unused(self) -> int:
        async with await asyncio.start_server(lambda r, w: None, "127.0.0.1", 0) as server:
            return int(server.sockets[0].getsockname()[1])
