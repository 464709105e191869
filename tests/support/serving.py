"""An ASGI app on a real socket, in a thread with its own loop: for clients that are programs."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager

import uvicorn
from starlette.types import ASGIApp

from deploy.local.ports import listen


@contextmanager
def served(build: Callable[[], Awaitable[ASGIApp]]) -> Iterator[str]:
    """Serve what `build` makes inside the server's loop; yields its address, `http://127.0.0.1:…`."""
    listener = listen("127.0.0.1", 0)
    started = threading.Event()
    failed: list[BaseException] = []
    servers: list[uvicorn.Server] = []

    async def run() -> None:
        app = await build()
        config = uvicorn.Config(
            app, http="httptools", ws="none", log_config=None, access_log=False, lifespan="on"
        )
        server = uvicorn.Server(config)
        servers.append(server)
        serving = asyncio.create_task(server.serve(sockets=[listener]))
        while not server.started and not serving.done():
            await asyncio.wait({serving}, timeout=0.01)
        started.set()
        await serving

    def main() -> None:
        try:
            asyncio.run(run())
        except BaseException as error:  # noqa: BLE001 - told to the test, in its own thread
            failed.append(error)
        finally:
            started.set()

    thread = threading.Thread(target=main, name="served", daemon=True)
    thread.start()
    started.wait()
    try:
        if failed:
            raise failed[0]
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        for server in servers:
            server.should_exit = True
        thread.join(30)
        listener.close()
    if failed:
        raise failed[0]
