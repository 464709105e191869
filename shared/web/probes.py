"""The internal port: `/healthz` (the process lives), `/readyz` (it can do its work), `/metrics`."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress

import orjson
from starlette.types import ASGIApp, Receive, Scope, Send

from shared.database.transactions import Database
from shared.observability.metrics import render

CHECK_TIMEOUT_S = 3.0

Ready = Callable[[], Awaitable[str | None]]
"""None when ready, else what is missing, in a few words."""


def probes(ready: Ready) -> ASGIApp:
    """A pure ASGI app for the internal port of a process."""

    async def app(scope: Scope, _receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        match scope["path"]:
            case "/healthz":
                await _json(send, 200, {"status": "ok"})
            case "/readyz":
                missing = await _checked(ready)
                await _json(send, 503 if missing else 200, {"status": missing or "ok"})
            case "/metrics":
                body, content_type = render()
                await _send(send, 200, body, content_type)
            case _:
                await _json(send, 404, {"status": "healthz, readyz and metrics are here"})

    return app


def database_ready(database: Database) -> Ready:
    """Ready when the database answers."""

    async def ready() -> str | None:
        async with database.transaction() as tx:
            await (await tx.raw()).fetchval("select 1")
        return None

    return ready


async def _checked(ready: Ready) -> str | None:
    try:
        async with asyncio.timeout(CHECK_TIMEOUT_S):
            return await ready()
    except Exception as error:  # noqa: BLE001 - whatever it is, the process cannot do its work
        return f"not ready: {type(error).__name__}"


async def _json(send: Send, status: int, value: dict[str, str]) -> None:
    await _send(send, status, orjson.dumps(value), "application/json")


async def _send(send: Send, status: int, body: bytes, content_type: str) -> None:
    headers = [(b"content-type", content_type.encode()), (b"content-length", str(len(body)).encode())]
    with suppress(OSError):
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": body})
