"""Serving an app on sockets that the launcher holds: they outlive this process, a restart loses nobody."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import socket
from collections.abc import Callable, Iterator

import uvicorn
from starlette.types import ASGIApp

from shared import loops
from shared.memory import settle
from shared.web.connections import KEEP_ALIVE_S, Connection, Ending
from shared.web.relief import Relief

DRAIN_S = 35
"""The longest that a request under way is waited for: a little longer than a request may wait."""

RELIEF_S = 120.0
"""The longest that a successor is waited for before this process leaves without one."""


class _Server(uvicorn.Server):
    """Signals are handled once for all servers of the process, by `serve`."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.server_state: Ending = Ending()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield

    def leave(self) -> None:
        """Accept no more; every connection ends as soon as its client cannot notice."""
        self.server_state.leaving = True
        self.should_exit = True

    def hurry(self) -> None:
        """Accept no more; requests under way are finished, idle connections closed at once."""
        self.server_state.hurried = True
        self.leave()
        for connection in list(self.server_state.connections):
            connection.shutdown()


def _server(app: ASGIApp, *, lifespan: bool) -> _Server:
    return _Server(
        uvicorn.Config(
            app,
            loop="none",
            http=Connection,
            ws="none",
            lifespan="on" if lifespan else "off",
            access_log=False,
            log_config=None,
            server_header=False,
            date_header=True,
            timeout_keep_alive=KEEP_ALIVE_S,
            timeout_graceful_shutdown=DRAIN_S,
            backlog=2048,
        )
    )


def serve(
    app: ASGIApp,
    sock: socket.socket,
    internal: ASGIApp,
    internal_sock: socket.socket,
    *,
    on_stop: Callable[[], None] | None = None,
    relief: Relief | None = None,
) -> None:
    """Run until a signal; requests under way are finished (at most DRAIN_S seconds). Blocks.

    SIGTERM: serve on until a successor does (where there is a `relief` to ask for one; a second SIGTERM says
    that it does), then accept no more. SIGINT: accept no more at once. `on_stop` is called then: for answers
    that would never end by themselves.
    """
    settle()
    loops.run(_serve(app, sock, internal, internal_sock, on_stop, relief))


async def _serve(
    app: ASGIApp,
    sock: socket.socket,
    internal: ASGIApp,
    internal_sock: socket.socket,
    on_stop: Callable[[], None] | None,
    relief: Relief | None,
) -> None:
    servers = [_server(app, lifespan=True), _server(internal, lifespan=False)]
    _on_signals(servers, on_stop, relief)
    tasks = [
        asyncio.create_task(server.serve(sockets=[each]))
        for server, each in zip(servers, (sock, internal_sock), strict=True)
    ]
    if relief is not None:
        tasks.append(asyncio.create_task(_tell(servers, relief)))
    # One that ends by itself (a failed start) takes the other along.
    await asyncio.wait(tasks[:2], return_when=asyncio.FIRST_COMPLETED)
    for server in servers:
        server.leave()
    await asyncio.gather(*tasks)
    if not servers[0].started:
        raise SystemExit(3)


def _on_signals(servers: list[_Server], on_stop: Callable[[], None] | None, relief: Relief | None) -> None:
    loop = asyncio.get_running_loop()
    asked = False

    def leave() -> None:
        for server in servers:
            server.leave()
        if on_stop is not None:
            on_stop()

    def told_to_leave() -> None:
        nonlocal asked
        if relief is not None and not asked and relief.ask():
            asked = True
            loop.call_later(RELIEF_S, leave)
        else:
            leave()

    def told_to_hurry() -> None:
        leave()
        for server in servers:
            server.hurry()

    loop.add_signal_handler(signal.SIGTERM, told_to_leave)
    loop.add_signal_handler(signal.SIGINT, told_to_hurry)


async def _tell(servers: list[_Server], relief: Relief) -> None:
    while not all(server.started or server.should_exit for server in servers):  # noqa: ASYNC110 - uvicorn tells nobody
        await asyncio.sleep(0.01)
    if all(server.started for server in servers):
        relief.serving()
