from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.types import Receive, Scope, Send

from shared.web import guarded
from shared.web.guarded import MAX_HEAD_BYTES, MAX_HEADERS
from shared.web.server import _server

HEAD = b"POST / HTTP/1.1\r\nHost: x\r\n"


async def app(scope: Scope, receive: Receive, send: Send) -> None:
    """Answers with the body's length once it is whole."""
    body = await Request(scope, receive).body()
    await PlainTextResponse(str(len(body)))(scope, receive, send)


class Wire:
    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    async def send(self, raw: bytes) -> None:
        try:
            self.writer.write(raw)
            await self.writer.drain()
        except ConnectionError:
            return

    async def status(self) -> int:
        return int((await self.reader.readuntil(b"\r\n")).split()[1])

    async def refused(self) -> tuple[int, str]:
        """Status and code of a refusal, after which the connection is closed."""
        raw = await self.reader.read()
        head, _, body = raw.partition(b"\r\n\r\n")
        assert b"application/problem+json" in head
        told = json.loads(body)
        assert told["status"] == int(head.split()[1])
        return told["status"], told["code"]


@asynccontextmanager
async def connected() -> AsyncIterator[Wire]:
    server = _server(app, lifespan=False)
    sock = socket.create_server(("127.0.0.1", 0))
    task = asyncio.create_task(server.serve(sockets=[sock]))
    reader, writer = await asyncio.open_connection(*sock.getsockname())
    try:
        yield Wire(reader, writer)
    finally:
        writer.close()
        server.hurry()
        await task
        sock.close()


class TestHead:
    async def test_refused_when_a_header_never_ends(self) -> None:
        async with connected() as wire:
            begun = HEAD + b"X: "
            left = MAX_HEAD_BYTES + 1 - len(begun)
            await wire.send(begun)
            # One byte too many and no more: what lay unread at the end would take the answer along.
            for size in (*[1024] * (left // 1024), left % 1024):
                await wire.send(b"a" * size)
            assert await wire.refused() == (431, "head_too_large")

    async def test_refused_when_there_are_too_many_headers(self) -> None:
        async with connected() as wire:
            await wire.send(HEAD + b"a: b\r\n" * MAX_HEADERS + b"\r\n")
            assert await wire.refused() == (431, "head_too_large")

    async def test_refused_when_trailers_are_too_many(self) -> None:
        async with connected() as wire:
            await wire.send(HEAD + b"Transfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n")
            await wire.send(b"a: b\r\n" * MAX_HEADERS + b"\r\n")
            assert await wire.refused() == (431, "head_too_large")

    async def test_refused_when_the_rest_does_not_come(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(guarded, "HEAD_S", 0.05)
        async with connected() as wire:
            await wire.send(HEAD)
            assert await wire.refused() == (408, "request_too_slow")

    async def test_closed_when_nothing_but_line_ends_come(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(guarded, "HEAD_S", 0.05)
        async with connected() as wire:
            await wire.send(b"\r\n\r\n")
            assert await wire.reader.read() == b""

    async def test_refused_when_it_is_no_http(self) -> None:
        async with connected() as wire:
            await wire.send(b"\x16\x03\x01 hello\r\n\r\n")
            assert await wire.refused() == (400, "bad_http")


class TestBody:
    async def test_refused_when_the_rest_does_not_come(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(guarded, "BODY_PAUSE_S", 0.05)
        async with connected() as wire:
            await wire.send(HEAD + b"Content-Length: 10\r\n\r\nfive!")
            assert await wire.refused() == (408, "request_too_slow")

    async def test_answered_when_it_comes_bit_by_bit(self) -> None:
        async with connected() as wire:
            await wire.send(HEAD + b"Content-Length: 40\r\n\r\n")
            for _ in range(40):
                await wire.send(b"x")
            assert await wire.status() == 200

    async def test_answered_when_requests_follow_one_another(self) -> None:
        async with connected() as wire:
            for size in (0, 5, 70_000):
                await wire.send(HEAD + f"Content-Length: {size}\r\n\r\n".encode() + b"x" * size)
                assert await wire.status() == 200
                rest = await wire.reader.readuntil(b"\r\n\r\n")
                assert b"content-length" in rest
                assert await wire.reader.readexactly(len(str(size))) == str(size).encode()
