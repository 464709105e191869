"""PostgreSQL and Kafka of the harness's own, kept running, reached by wires that can be slow or cut."""

from __future__ import annotations

import asyncio
import os
import secrets
import subprocess
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import psutil

from deploy.local.kafka import EmbeddedKafka
from deploy.local.kafka_jars import jars
from deploy.local.kafka_startup import with_cache
from deploy.local.ports import free_port
from deploy.local.postgres import EmbeddedPostgres
from deploy.local.waiting import until_listening, until_postgres_answers
from tests.chaos.proxy import Wire, wired

_START_LIMIT_S = 400.0
_LOOK_EVERY_S = 0.1

Server = EmbeddedPostgres | EmbeddedKafka


@dataclass(frozen=True)
class WiredKafka(EmbeddedKafka):
    """One that tells its clients to come by the wire."""

    advertised: int = 0

    def _settings(self, log: Path) -> dict[str, str | int]:
        return super()._settings(log) | {"advertised.listeners": f"PLAINTEXT://127.0.0.1:{self.advertised}"}


@dataclass
class OwnServers:
    """`settings` are those of a copy that uses them; `wires` what it reaches them by."""

    settings: dict[str, str]
    wires: list[Wire]
    _running: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    def processes(self) -> dict[str, psutil.Process]:
        """The running ones by their names in `./cox status`."""
        found = {}
        for name, process in self._running.items():
            if process.poll() is None:
                found[name] = psutil.Process(process.pid)
        return found

    async def keep(self, name: str, server: Server, log: Path) -> None:
        """Until cancelled: start it, and again whenever it ended."""
        while True:
            process = self._running.get(name)
            if process is None or process.poll() is not None:
                self._running[name] = _started(server, log)
            await asyncio.sleep(_LOOK_EVERY_S)

    def end(self) -> None:
        """Both at once: what they hold is not wanted any more."""
        for process in self._running.values():
            process.kill()
            process.wait()


def _started(server: Server, log: Path) -> subprocess.Popen[bytes]:
    with log.open("ab") as out:
        return subprocess.Popen(
            server.command(os.getpid()),
            env=server.environment(),
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=out,
        )


@asynccontextmanager
async def own_servers(folder: Path) -> AsyncIterator[OwnServers]:
    """Both servers, ready, while the block runs."""
    async with AsyncExitStack() as exits:
        postgres = EmbeddedPostgres(folder / "postgres", free_port(), secrets.token_hex(16))
        kafka_port = free_port()
        to_postgres = await exits.enter_async_context(wired("postgres", postgres.port))
        to_kafka = await exits.enter_async_context(wired("kafka", kafka_port))
        kafka = with_cache(
            WiredKafka(folder / "kafka", kafka_port, free_port(), tuple(jars()), advertised=to_kafka.port)
        )
        for server in (postgres, kafka):
            await asyncio.to_thread(server.initialise)
        parts = urlsplit(postgres.url)
        netloc = f"{parts.netloc.rpartition(':')[0]}:{to_postgres.port}"
        made = OwnServers(
            {
                "COX_POSTGRES_URL": urlunsplit(parts._replace(netloc=netloc)),
                "COX_KAFKA_BOOTSTRAP": f"127.0.0.1:{to_kafka.port}",
            },
            [to_postgres, to_kafka],
        )
        exits.callback(made.end)
        keeping = [
            asyncio.create_task(made.keep(name, server, folder / f"{name}.log"))
            for name, server in (("postgres", postgres), ("kafka", kafka))
        ]
        exits.push_async_callback(_cancelled, keeping)
        await asyncio.to_thread(until_postgres_answers, postgres.url, _START_LIMIT_S)
        await asyncio.to_thread(until_listening, "127.0.0.1", kafka.port, _START_LIMIT_S)
        yield made


async def _cancelled(tasks: list[asyncio.Task[None]]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
