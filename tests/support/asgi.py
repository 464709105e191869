"""One request to an ASGI app, without a server: for tests of layers."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import orjson
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message

Chunk: TypeAlias = bytes | Callable[[], Awaitable[bytes]]
"""A part of a body; a function is called when the app asks for it."""


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    headers: Headers
    body: bytes

    def json(self) -> Any:
        return orjson.loads(self.body)

    @property
    def code(self) -> str:
        """The stable code of a problem; checks that it is a whole one."""
        assert self.headers["content-type"] == "application/problem+json", self
        problem = self.json()
        wanted = {"type", "title", "status", "detail", "instance", "trace_id", "code", "errors"}
        assert set(problem) == wanted, problem
        assert problem["status"] == self.status
        code: str = problem["code"]
        return code

    @property
    def pointers(self) -> list[str]:
        return [error["pointer"] for error in self.json()["errors"]]


async def ask(
    app: ASGIApp,
    method: str,
    target: str,
    *,
    json: Any = None,
    body: bytes | Iterable[Chunk] | None = None,
    headers: Mapping[str, str] | Iterable[tuple[str, str]] = (),
    leaves: bool | asyncio.Event = False,
) -> Answer:
    """Send a request; `target` is path and query as on the wire; an iterable body is sent in chunks.

    The client stays for the answer, unless it `leaves` once its body is sent (an event: once that is set);
    then there may be none (0).
    """
    chunks, given = _body(json, body)
    pairs = headers.items() if isinstance(headers, Mapping) else headers
    path, _, query = target.partition("?")
    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        "path": _unquoted(path),
        "raw_path": path.encode(),
        "query_string": query.encode(),
        "root_path": "",
        "headers": [*given, *((name.lower().encode(), value.encode("latin-1")) for name, value in pairs)],
        "client": ("127.0.0.1", 1),
        "server": ("127.0.0.1", 80),
        "state": {},
    }
    sent: list[Message] = []
    waiting = list(chunks)

    async def receive() -> Message:
        if not waiting:
            if not leaves:
                await asyncio.Event().wait()
            if isinstance(leaves, asyncio.Event):
                await leaves.wait()
            return {"type": "http.disconnect"}
        chunk = waiting.pop(0)
        if not isinstance(chunk, bytes):
            chunk = await chunk()
        return {"type": "http.request", "body": chunk, "more_body": bool(waiting)}

    async def send(message: Message) -> None:
        sent.append(message)

    await app(scope, receive, send)
    if not sent:
        return Answer(0, Headers(), b"")
    start = sent[0]
    answered = b"".join(message.get("body", b"") for message in sent[1:])
    return Answer(start["status"], Headers(raw=list(start["headers"])), answered)


def _body(
    json: Any, body: bytes | Iterable[Chunk] | None
) -> tuple[Sequence[Chunk], list[tuple[bytes, bytes]]]:
    if json is not None:
        raw = orjson.dumps(json)
        return [raw], [(b"content-type", b"application/json"), (b"content-length", str(len(raw)).encode())]
    if isinstance(body, bytes):
        return [body], [(b"content-length", str(len(body)).encode())]
    if body is not None:
        return list(body), [(b"transfer-encoding", b"chunked")]
    return [b""], []


def _unquoted(path: str) -> str:
    from urllib.parse import unquote

    return unquote(path)
