"""/healthz, /readyz and /metrics of a worker, on its internal port."""

from __future__ import annotations

import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Protocol

from aiohttp import web

from shared.observability import metrics


class Watched(Protocol):
    def problems(self) -> list[str]: ...


@asynccontextmanager
async def serve_internal(sock: socket.socket, watched: Watched) -> AsyncIterator[None]:
    """Serve on a listening socket while the block runs."""

    async def healthz(_: web.Request) -> web.Response:
        return web.json_response({"status": "ok"})

    async def readyz(_: web.Request) -> web.Response:
        problems = watched.problems()
        status = "not ready" if problems else "ready"
        return web.json_response({"status": status, "problems": problems}, status=503 if problems else 200)

    async def scrape(_: web.Request) -> web.Response:
        body, content_type = metrics.render()
        return web.Response(body=body, headers={"Content-Type": content_type})

    app = web.Application()
    app.add_routes([web.get("/healthz", healthz), web.get("/readyz", readyz), web.get("/metrics", scrape)])
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=1.0)
    await runner.setup()
    try:
        await web.SockSite(runner, sock).start()
        yield
    finally:
        await runner.cleanup()
