"""Journeys at an even pace: one request, then another that waits for what the first one did.

`python -m tests.bench.journeys` reads one job (JSON) from stdin and writes what it saw (JSON) to stdout. A
journey begins when it is due, however long the one before takes.
"""

from __future__ import annotations

import asyncio
import json
import re
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from tests.bench.load import ROOT, Refused, whole

POSITION = b"@position@"
"""Stands in the second request where the first one's `Cox-Position` is to be."""
_FOUND = re.compile(rb"\r\ncox-position: *([^\r]+)", re.IGNORECASE)
_HANG_S = 240.0


@dataclass(frozen=True, slots=True)
class Trip:
    """The two requests of a journey."""

    change: bytes
    read: bytes


@dataclass(frozen=True, slots=True)
class Journeys:
    """`trips` are begun one after the other, `rate` of them a second; no two overlap on one connection."""

    port: int
    rate: float
    trips: Sequence[Trip]


@dataclass(frozen=True, slots=True)
class Arrived:
    """Milliseconds of each journey, from its beginning to the read's answer, and of its change alone."""

    took_ms: list[float] = field(default_factory=list)
    changed_ms: list[float] = field(default_factory=list)


class _Line(asyncio.Protocol):
    """A connection with one request in flight."""

    def __init__(self) -> None:
        self._answer = b""
        self._waiting: asyncio.Future[bytes] | None = None

    def connection_made(self, transport: Any) -> None:
        self._transport = transport

    def ask(self, request: bytes) -> asyncio.Future[bytes]:
        self._answer = b""
        self._waiting = asyncio.get_running_loop().create_future()
        self._transport.write(request)
        return self._waiting

    def data_received(self, data: bytes) -> None:
        self._answer += data
        length = whole(self._answer)
        if length and len(self._answer) >= length and self._waiting is not None:
            self._waiting.set_result(self._answer)

    def connection_lost(self, error: Exception | None) -> None:
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_exception(ConnectionError("cut"))


async def _good(line: _Line, request: bytes) -> bytes:
    async with asyncio.timeout(_HANG_S):
        answer = await line.ask(request)
    if answer[9:10] != b"2":
        raise Refused(answer[:2000].decode(errors="replace"))
    return answer


async def _travel(port: int, idle: list[_Line], trip: Trip, arrived: Arrived) -> None:
    began = time.perf_counter()
    if idle:
        line = idle.pop()
    else:
        _, line = await asyncio.get_running_loop().create_connection(_Line, "127.0.0.1", port)
    answer = await _good(line, trip.change)
    changed = time.perf_counter()
    found = _FOUND.search(answer)
    if found is None:
        raise Refused("the answer to the change has no position")
    await _good(line, trip.read.replace(POSITION, found[1]))
    arrived.took_ms.append((time.perf_counter() - began) * 1000)
    arrived.changed_ms.append((changed - began) * 1000)
    idle.append(line)


async def work(job: Journeys) -> Arrived:
    """All of them, in this process. Raises Refused."""
    arrived, idle = Arrived(), list[_Line]()
    began = time.perf_counter()
    async with asyncio.TaskGroup() as group:
        for number, trip in enumerate(job.trips):
            await asyncio.sleep(began + number / job.rate - time.perf_counter())
            group.create_task(_travel(job.port, idle, trip, arrived))
    return arrived


async def drive(job: Journeys) -> Arrived:
    """All of them, in a process of its own."""
    told = asdict(job)
    told["trips"] = [[trip.change.decode("latin-1"), trip.read.decode("latin-1")] for trip in job.trips]
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.bench.journeys", cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    try:
        async with asyncio.timeout(len(job.trips) / job.rate + _HANG_S):
            out, _ = await child.communicate(json.dumps(told).encode())
    finally:
        if child.returncode is None:
            child.kill()
            await child.wait()
    return Arrived(**json.loads(out))


def main() -> None:
    import uvloop

    told = json.load(sys.stdin)
    told["trips"] = [Trip(*(one.encode("latin-1") for one in trip)) for trip in told["trips"]]
    json.dump(asdict(uvloop.run(work(Journeys(**told)))), sys.stdout)


if __name__ == "__main__":
    main()
