"""What `./cox up` tells while it waits: what goes on only after another command."""

from __future__ import annotations

import io
import json
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
from rich.console import Console

from deploy.cli import running
from deploy.cli.console import Steps
from deploy.cli.up import say_what_only_people_mend
from deploy.local.state import ProcessState

REFUSAL = "leads refuses to publish. If the database was restored, run `cox events republish --new-epoch`."
Served = Callable[[int, dict[str, object]], AbstractContextManager[ProcessState]]


@contextmanager
def _served(status: int, body: dict[str, object]) -> Iterator[ProcessState]:
    class Probe(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status)
            self.end_headers()
            self.wfile.write(json.dumps(body).encode())

        def log_request(self, code: object = "-", size: object = "-") -> None:
            """Nothing: the test's output is its own."""

    with HTTPServer(("127.0.0.1", 0), Probe) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield ProcessState("leads-worker-1", "running", None, None, server.server_port, 0)
        finally:
            server.shutdown()
            thread.join()


@pytest.fixture
def served() -> Served:
    """A process whose readyz answers with a status and a body."""
    return _served


class TestProblems:
    def test_they_are_the_workers_own_words_when_it_is_not_ready(self, served: Served) -> None:
        with served(503, {"status": "not ready", "problems": [REFUSAL]}) as process:
            assert running.problems(process) == [REFUSAL]

    def test_there_are_none_when_it_is_ready(self, served: Served) -> None:
        with served(200, {"status": "ready", "problems": []}) as process:
            assert running.problems(process) == []


class TestWaiting:
    def test_the_command_that_mends_it_is_said_once_when_a_worker_refuses(self, served: Served) -> None:
        steps, said = Steps(), set[str]()
        steps.console = Console(file=io.StringIO())
        with served(503, {"problems": [REFUSAL, "leads.directory has not joined yet"]}) as process:
            say_what_only_people_mend(steps, [process], said)
            say_what_only_people_mend(steps, [process], said)

        assert isinstance(steps.console.file, io.StringIO)
        assert steps.console.file.getvalue() == f"cox: {REFUSAL}\n"
