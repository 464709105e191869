from __future__ import annotations

import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from shared.web.relief import ASKED, SERVING
from tests.support.copies import until

ROOT = Path(__file__).resolve().parents[4]
PROGRAM = """
import asyncio, socket, sys
from starlette.responses import PlainTextResponse
from shared.web.probes import probes
from shared.web.relief import Relief
from shared.web.server import serve

async def app(scope, receive, send):
    if scope["type"] == "lifespan":
        while (message := await receive())["type"] != "lifespan.shutdown":
            await send({"type": "lifespan.startup.complete"})
        print("closed", flush=True)
        await send({"type": "lifespan.shutdown.complete"})
        return
    print("asked", flush=True)
    # Answered when the test says so, on standard input.
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.readline)
    await PlainTextResponse("whole")(scope, receive, send)

async def ready():
    return None

public, internal = (socket.socket(fileno=int(number)) for number in sys.argv[1:3])
relief = Relief(int(sys.argv[3])) if len(sys.argv) > 3 else None
serve(app, public, probes(ready), internal, relief=relief)
"""


class Served:
    """A process that serves on two sockets which the test holds, as the launcher does."""

    def __init__(self, line: int | None = None) -> None:
        self.public = socket.create_server(("127.0.0.1", 0))
        self.internal = socket.create_server(("127.0.0.1", 0))
        self.clients: list[http.client.HTTPConnection] = []
        sockets = [self.public.fileno(), self.internal.fileno(), *([] if line is None else [line])]
        self.process = subprocess.Popen(
            [sys.executable, "-c", PROGRAM, *map(str, sockets)],
            cwd=ROOT, pass_fds=sockets, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
        )  # fmt: skip

    def get(self, sock: socket.socket, path: str) -> tuple[int, bytes]:
        connection = http.client.HTTPConnection("127.0.0.1", sock.getsockname()[1], timeout=60)
        connection.request("GET", path)
        answer = connection.getresponse()
        found = answer.status, answer.read()
        connection.close()
        return found

    def connected(self) -> http.client.HTTPConnection:
        """A client that keeps its connection."""
        connection = http.client.HTTPConnection("127.0.0.1", self.public.getsockname()[1], timeout=60)
        connection.connect()
        self.clients.append(connection)
        return connection

    def line(self) -> str:
        assert self.process.stdout is not None
        return self.process.stdout.readline().strip()

    def let_answer(self) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write("now\n")
        self.process.stdin.flush()

    def end(self) -> None:
        self.process.kill()
        self.process.communicate()
        for client in self.clients:
            client.close()
        self.public.close()
        self.internal.close()


@pytest.fixture
def server() -> Iterator[Served]:
    server = Served()
    yield server
    server.end()


class TestServe:
    def test_a_problem_is_answered_when_what_comes_is_no_http(self, server: Served) -> None:
        with socket.create_connection(server.public.getsockname(), timeout=60) as connection:
            connection.sendall(b"GET / HTTP/1.1\r\nHost: x\r\nBad\x01Name: y\r\n\r\n")
            answer = http.client.HTTPResponse(connection)
            answer.begin()
            problem = json.loads(answer.read())
        assert (answer.status, answer.getheader("content-type")) == (400, "application/problem+json")
        assert (problem["status"], problem["code"]) == (400, "bad_http")

    def test_request_under_way_is_finished_and_no_connection_refused_when_told_to_stop(
        self, server: Served
    ) -> None:
        answers: list[tuple[int, bytes]] = []
        asking = threading.Thread(target=lambda: answers.append(server.get(server.public, "/")))
        asking.start()
        assert server.line() == "asked"
        assert server.get(server.internal, "/readyz") == (200, b'{"status":"ok"}')

        server.process.send_signal(signal.SIGTERM)
        server.let_answer()
        asking.join(60)

        assert answers == [(200, b"whole")]
        assert server.line() == "closed"
        assert server.process.wait(60) == 0
        # The socket is the launcher's: who comes between two processes waits for the next one.
        socket.create_connection(server.public.getsockname()).close()

    def test_next_answer_says_so_when_a_client_keeps_its_connection_to_a_leaving_process(
        self, server: Served
    ) -> None:
        kept, idle = server.connected(), server.connected()
        assert self._asked(server, kept) == (b"whole", None)
        server.process.send_signal(signal.SIGTERM)
        until(lambda: self._asked(server, kept) == (b"whole", "close"))
        assert self._asked(server, idle) == (b"whole", "close")
        assert server.line() == "closed"

    def test_idle_connection_is_closed_at_once_when_there_is_no_time(self, server: Served) -> None:
        kept = server.connected()
        assert self._asked(server, kept) == (b"whole", None)
        server.process.send_signal(signal.SIGINT)
        assert kept.sock.recv(1) == b""
        assert server.line() == "closed"

    def test_process_serves_on_when_it_waits_for_its_successor(self) -> None:
        ours, line = os.pipe()
        server = Served(line)
        try:
            assert os.read(ours, 1) == SERVING
            server.process.send_signal(signal.SIGTERM)
            assert os.read(ours, 1) == ASKED
            fresh = server.connected()
            assert self._asked(server, fresh) == (b"whole", None)
            # The successor serves.
            server.process.send_signal(signal.SIGTERM)
            until(lambda: self._asked(server, fresh) == (b"whole", "close"))
            assert server.line() == "closed"
        finally:
            server.end()
            os.close(ours)
            os.close(line)

    @staticmethod
    def _asked(server: Served, connection: http.client.HTTPConnection) -> tuple[bytes, str | None]:
        connection.request("GET", "/")
        assert server.line() == "asked"
        server.let_answer()
        answer = connection.getresponse()
        return answer.read(), answer.getheader("connection")
