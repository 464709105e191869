"""Raw bytes on a connection: what is no request, too much of one, or only half of one."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from urllib.parse import urlsplit

_LIMIT_S = 90.0


class Wire:
    """One connection to an address."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    async def send(self, raw: bytes) -> None:
        """What the other side does not take any more is nobody's loss."""
        with suppress(ConnectionError):
            self._writer.write(raw)
            await self._writer.drain()

    async def answer(self) -> tuple[int, bytes] | None:
        """Status and all that comes until the connection ends, or None where it ends without an answer."""
        raw = b""
        with suppress(ConnectionError):
            async with asyncio.timeout(_LIMIT_S):
                while piece := await self._reader.read(65536):
                    raw += piece
        first = raw.split(b"\r\n", 1)[0].split()
        return (int(first[1]), raw) if len(first) > 1 and first[1].isdigit() else None

    async def status(self) -> int:
        """The status of the next answer; 0 where there is none."""
        try:
            async with asyncio.timeout(_LIMIT_S):
                return int((await self._reader.readuntil(b"\r\n")).split()[1])
        except (ConnectionError, asyncio.IncompleteReadError, TimeoutError):
            return 0


@asynccontextmanager
async def connected(url: str) -> AsyncIterator[Wire]:
    """A connection, closed at the end whatever was said on it."""
    place = urlsplit(url)
    reader, writer = await asyncio.open_connection(place.hostname, place.port)
    try:
        yield Wire(reader, writer)
    finally:
        writer.close()
        with suppress(ConnectionError):
            await writer.wait_closed()


def heads(token: str) -> dict[str, bytes]:
    """Requests that are none, or that mean two things at once; each ends the connection after its answer."""
    rest = f"Host: x\r\nAuthorization: Bearer {token}\r\nConnection: close\r\n".encode()
    post = b"POST /v1/leads HTTP/1.1\r\n" + rest + b"Content-Type: application/json\r\n"
    get = b"GET /v1/leads HTTP/1.1\r\n" + rest
    chunked = post + b"Transfer-Encoding: chunked\r\n"
    return {
        "TLS": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(200),
        "HTTP 0.9": b"GET /v1/leads\r\n\r\n",
        "HTTP 9.9": get.replace(b"HTTP/1.1", b"HTTP/9.9") + b"\r\n",
        "HTTP 2 preface": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        "a method of its own": get.replace(b"GET", b"PWN") + b"\r\n",
        "a small method": get.replace(b"GET", b"get") + b"\r\n",
        "CONNECT": b"CONNECT x:80 HTTP/1.1\r\n" + rest + b"\r\n",
        "a star": b"OPTIONS * HTTP/1.1\r\n" + rest + b"\r\n",
        "another's address": get.replace(b"/v1", b"http://elsewhere.example/v1") + b"\r\n",
        "no path": get.replace(b"/v1/leads", b"http://x") + b"\r\n",
        "raw UTF-8 in the path": get.replace(b"leads", "线索".encode()) + b"\r\n",
        "raw bytes in the path": get.replace(b"leads", b"\xff\xfe") + b"\r\n",
        "NUL in the path": get.replace(b"leads", b"le\0ads") + b"\r\n",
        "a space in the path": get.replace(b"leads", b"le ads") + b"\r\n",
        "20 KiB of path": get.replace(b"leads", b"l" * 20_480) + b"\r\n",
        "NUL in a header": get + b"X: a\0b\r\n\r\n",
        "a header without a name": get + b": x\r\n\r\n",
        "a header without a colon": get + b"nothing\r\n\r\n",
        "a folded header": get + b"X: a\r\n b\r\n\r\n",
        "a space before the colon": get + b"Content-Length : 0\r\n\r\n",
        "bare line feeds": get.replace(b"\r\n", b"\n") + b"\n",
        "two hosts": get + b"Host: y\r\n\r\n",
        "1,000 headers": get + b"".join(b"X-%d: y\r\n" % n for n in range(1000)) + b"\r\n",
        "a header of 100 KiB": get + b"X: " + b"y" * 100 * 1024 + b"\r\n\r\n",
        "a header of 1 MiB": get + b"X: " + b"y" * 1024 * 1024 + b"\r\n\r\n",
        "two lengths": post + b"Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}x",
        "a negative length": post + b"Content-Length: -1\r\n\r\n{}",
        "a length of text": post + b"Content-Length: two\r\n\r\n{}",
        "a length beyond all": post + b"Content-Length: " + b"9" * 23 + b"\r\n\r\n{}",
        "a length with a sign": post + b"Content-Length: +2\r\n\r\n{}",
        "length and chunks": chunked + b"Content-Length: 2\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
        "chunks in gzip": post + b"Transfer-Encoding: gzip, chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
        "chunks twice": post + b"Transfer-Encoding: chunked, chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
        "an unknown encoding": post + b"Transfer-Encoding: x\r\n\r\n{}",
        "a chunk of text": chunked + b"\r\nzz\r\n{}\r\n0\r\n\r\n",
        "a chunk beyond all": chunked + b"\r\nFFFFFFFFFFFFFFFFF\r\n{}\r\n0\r\n\r\n",
        "a negative chunk": chunked + b"\r\n-2\r\n{}\r\n0\r\n\r\n",
        "a long extension": chunked + b"\r\n2;" + b"x" * 200_000 + b"\r\n{}\r\n0\r\n\r\n",
        "10,000 trailers": chunked + b"\r\n2\r\n{}\r\n0\r\n" + b"X: y\r\n" * 10_000 + b"\r\n",
        "an upgrade": get + b"Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\r\n",
        "an upgrade to HTTP 2": get + b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n\r\n",
        "an expectation": post + b"Expect: 200-maybe\r\nContent-Length: 2\r\n\r\n{}",
        "a body that is too large": post + b"Content-Length: 2097153\r\n\r\n",
        "chunks that are too large": chunked
        + b"\r\n"
        + (b"40000\r\n" + b" " * 0x40000 + b"\r\n") * 9
        + b"0\r\n\r\n",
    }
