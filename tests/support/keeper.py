"""The process that keeps the run's PostgreSQL and Kafka: started with the run, idle until a test asks.

`python -m tests.support.keeper FOLDER PARENT_PID LISTENER_FD`. Whoever connects gets the addresses; the first
one makes it start the servers. It ends with the run, however that ends, and leaves nothing behind.
"""

from __future__ import annotations

import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from types import FrameType

from deploy.local.guard import end_with_parent
from deploy.local.home import LocalError
from deploy.local.kafka import EmbeddedKafka
from deploy.local.kafka_jars import jars
from deploy.local.kafka_startup import with_cache
from deploy.local.ports import free_port
from deploy.local.postgres import EmbeddedPostgres
from deploy.local.waiting import until_listening, until_postgres_answers
from tests.support.pair import Pair, tell

_START_LIMIT_S = 280.0


class Servers:
    """The two server processes and the folder they work in."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.processes: list[subprocess.Popen[bytes]] = []

    def start(self) -> Pair:
        postgres = EmbeddedPostgres(
            self.folder / "postgres", free_port(), secrets.token_hex(16), volatile=True
        )
        kafka = EmbeddedKafka(
            self.folder / "kafka", free_port(), free_port(), tuple(jars()), short_lived=True
        )
        kafka = with_cache(kafka)
        with ThreadPoolExecutor(2) as pool:
            for made in [pool.submit(postgres.initialise), pool.submit(kafka.initialise)]:
                made.result()
        # From the main thread: the kernel's death signal goes by the thread that started the process.
        for server in (postgres, kafka):
            with (self.folder / f"{type(server).__name__}.log").open("wb") as log:
                self.processes.append(
                    subprocess.Popen(
                        server.command(os.getpid()),
                        env=server.environment(),
                        stdin=subprocess.DEVNULL,
                        stdout=log,
                        stderr=log,
                    )
                )
        until_postgres_answers(postgres.url, _START_LIMIT_S)
        until_listening("127.0.0.1", kafka.port, _START_LIMIT_S)
        return Pair(postgres.url, kafka.bootstrap, secrets.token_hex(16), str(self.folder))

    def stop(self) -> None:
        for process, how in zip(self.processes, (signal.SIGQUIT, signal.SIGKILL), strict=False):
            with suppress(ProcessLookupError):
                process.send_signal(how)
        for process in self.processes:
            process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)


def serve(listener: socket.socket, servers: Servers) -> None:
    """Answer every asker, one after the other, so that the servers start once."""
    answer: Pair | str | None = None
    while True:
        wire, _ = listener.accept()
        with wire:
            if answer is None:
                try:
                    answer = servers.start()
                except (LocalError, OSError, TimeoutError) as error:
                    answer = str(error)
            with suppress(OSError):
                tell(wire, answer)


def _end(signal_number: int, frame: FrameType | None) -> None:
    raise SystemExit(0)


def main() -> None:
    folder, parent, descriptor = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
    signal.signal(signal.SIGTERM, _end)
    # Ctrl-C goes to the whole terminal group; the run itself says when it is over.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    end_with_parent(int(signal.SIGTERM), parent)
    servers = Servers(folder)
    try:
        serve(socket.socket(fileno=descriptor), servers)
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        servers.stop()


if __name__ == "__main__":
    main()
