"""Serving an app on sockets that the launcher holds: they outlive this process, a restart loses nobody."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import socket
from collections.abc import Callable, Iterator

import orjson
import uvicorn
from starlette.types import ASGIApp
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from shared.errors import Malformed
from shared.memory import settle
from shared.web import problems

KEEP_ALIVE_S = 75
DRAIN_S = 25


class _Server(uvicorn.Server):
    """Signals are handled once for all servers of the process, by `serve`."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


class _BadHttp(Malformed):
    code = "bad_http"
    title = "That is no HTTP request"


class _Protocol(HttpToolsProtocol):
    """What is no HTTP never reaches the app; it is answered as every other error is."""

    def send_400_response(self, msg: str) -> None:
        body = orjson.dumps(problems.document(_BadHttp(msg), ""))
        head = [
            STATUS_LINE[400],
            f"content-type: {problems.MEDIA_TYPE}\r\n".encode(),
            f"content-length: {len(body)}\r\n".encode(),
            b"connection: close\r\n\r\n",
        ]
        self.transport.write(b"".join(head) + body)
        self.transport.close()


def _server(app: ASGIApp, *, lifespan: bool) -> _Server:
    return _Server(
        uvicorn.Config(
            app,
            loop="none",
            http=_Protocol,
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
) -> None:
    """Run until SIGTERM or SIGINT; requests under way are finished (at most DRAIN_S seconds). Blocks.

    `on_stop` is called when the end begins: for answers that would never end by themselves.
    """
    settle()
    with asyncio.Runner(loop_factory=_new_loop) as runner:
        runner.run(_serve(app, sock, internal, internal_sock, on_stop))


async def _serve(
    app: ASGIApp,
    sock: socket.socket,
    internal: ASGIApp,
    internal_sock: socket.socket,
    on_stop: Callable[[], None] | None,
) -> None:
    servers = [_server(app, lifespan=True), _server(internal, lifespan=False)]

    def stop() -> None:
        for server in servers:
            server.should_exit = True
        if on_stop is not None:
            on_stop()

    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop)
    tasks = [
        asyncio.create_task(server.serve(sockets=[each]))
        for server, each in zip(servers, (sock, internal_sock), strict=True)
    ]
    # One that ends by itself (a failed start) takes the other along.
    await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    stop()
    await asyncio.gather(*tasks)
    if not servers[0].started:
        raise SystemExit(3)


def _new_loop() -> asyncio.AbstractEventLoop:
    try:
        import uvloop
    except ImportError:  # not on Windows
        return asyncio.new_event_loop()
    return uvloop.new_event_loop()
