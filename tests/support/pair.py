"""The run's own pair of servers, and how a test gets at it."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

SOCKET_VARIABLE = "COXSWAIN_TEST_KEEPER"


@dataclass(frozen=True)
class Pair:
    """Where the servers are. `role_password` is that of cox_app and cox_worker; `folder` is the run's own."""

    postgres_url: str
    kafka_bootstrap: str
    role_password: str
    folder: str


@contextmanager
def kept_for_the_run() -> Iterator[None]:
    """Hold the keeper (see `keeper`) while the run lasts; xdist's workers find it by the environment."""
    # A short place on purpose: a socket's path may have 107 bytes at most.
    folder = Path(tempfile.mkdtemp(prefix="cox-test-"))
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    listener.bind(str(folder / "keeper"))
    listener.listen(64)
    # -m finds our packages from the repository's root, whatever the caller's folder.
    command = [
        sys.executable,
        "-m",
        "tests.support.keeper",
        str(folder),
        str(os.getpid()),
        str(listener.fileno()),
    ]
    root = Path(__file__).resolve().parents[2]
    keeper = subprocess.Popen(command, cwd=root, pass_fds=[listener.fileno()], stdin=subprocess.DEVNULL)
    listener.close()
    os.environ[SOCKET_VARIABLE] = str(folder / "keeper")
    try:
        yield
    finally:
        os.environ.pop(SOCKET_VARIABLE, None)
        keeper.terminate()
        keeper.wait()


def ask_for_pair() -> Pair:
    """The pair's addresses; the first asker waits until both servers are up. Raises RuntimeError if not."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as wire:
        wire.connect(os.environ[SOCKET_VARIABLE])
        with wire.makefile("rb") as answer:
            told = json.loads(answer.read() or b'{"error": "the keeper ended"}')
    if "error" in told:
        raise RuntimeError(f"PostgreSQL and Kafka for the tests did not start: {told['error']}")
    return Pair(**told)


def tell(wire: socket.socket, pair: Pair | str) -> None:
    """The keeper's answer: the pair, or why there is none."""
    wire.sendall(json.dumps(asdict(pair) if isinstance(pair, Pair) else {"error": pair}).encode())
