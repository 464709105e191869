"""The load generator: HTTP/1.1 keep-alive clients on bare asyncio, in a process of its own.

`python -m tests.bench.load` reads one job (JSON) from stdin and writes what it saw (JSON) to stdout. Clients
share the machine with what they ask, so a request costs as little as Python allows: prepared bytes, one
callback.
"""

from __future__ import annotations

import asyncio
import json
import re
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from tests.bench.measure import percentile

MARK = b"@"
"""As many as the job's `digits` of these in a row stand where a number, never the same twice, is to be."""
ROOT = Path(__file__).resolve().parents[2]
_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
_HANG_S = 120.0


@dataclass(frozen=True, slots=True)
class Job:
    """Each client sends its own requests over and over, the next as soon as the last is answered.

    `first` is where the numbers begin, `digits` how long they are; it ends after `seconds`, or after `count`
    requests in all if that is given.
    """

    port: int
    clients: Sequence[Sequence[bytes]]
    seconds: float = 0.0
    count: int = 0
    first: int = 0
    digits: int = 8


@dataclass(frozen=True, slots=True)
class Seen:
    """Ms of every request, answered in `seconds` in all; `refused` counts answers that are no 2xx."""

    took_ms: list[float]
    seconds: float
    cpu_s: float
    refused: dict[str, int] = field(default_factory=dict)
    sample: str = ""

    @property
    def sent(self) -> int:
        return len(self.took_ms)

    def ms(self, part: float) -> float:
        """What `part` (0 to 1) of the requests took at most."""
        return percentile(self.took_ms, part) if self.took_ms else 0.0

    @property
    def rate(self) -> float:
        """Requests per second."""
        return self.sent / self.seconds

    def all_good(self) -> Seen:
        """Raises Refused if any answer was no success."""
        if self.refused:
            raise Refused(f"{self.refused} of {self.sent} requests: {self.sample}")
        return self


class Refused(Exception):
    """Load that was to succeed did not."""


class Source:
    """Where clients take their next request from, and where they put down what they saw."""

    def __init__(self, job: Job) -> None:
        self.number = job.first
        self._mark, self._number = MARK * job.digits, b"%%0%dd" % job.digits
        self.left = job.count or sys.maxsize
        self.until = time.perf_counter() + job.seconds if not job.count else float("inf")
        self.took: list[float] = []
        self.refused: Counter[str] = Counter()
        self.sample = b""

    def next(self, request: bytes) -> bytes | None:
        """The request with a number of its own, None when it is over."""
        if self.left <= 0 or time.perf_counter() >= self.until:
            return None
        self.left -= 1
        self.number += 1
        return request.replace(self._mark, self._number % self.number)

    def saw(self, took_s: float, answer: bytes) -> None:
        self.took.append(took_s)
        if answer[9:10] != b"2":
            self.refused[answer[9:12].decode()] += 1
            self.sample = self.sample or answer[:2000]


class Client(asyncio.Protocol):
    """One connection with one request in flight."""

    def __init__(self, source: Source, requests: Sequence[bytes]) -> None:
        self._source, self._requests = source, requests
        self._turn = 0
        self._sent_at = 0.0
        self._answer = b""
        self._wanted = 0
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: Any) -> None:
        self._transport = transport
        self._send()

    def _send(self) -> None:
        data = self._source.next(self._requests[self._turn % len(self._requests)])
        if data is None:
            self._transport.close()
            return
        self._turn += 1
        self._answer, self._wanted = b"", 0
        self._sent_at = time.perf_counter()
        self._transport.write(data)

    def data_received(self, data: bytes) -> None:
        self._answer += data
        if not self._wanted:
            self._wanted = whole(self._answer)
        if self._wanted and len(self._answer) >= self._wanted:
            self._source.saw(time.perf_counter() - self._sent_at, self._answer)
            self._send()

    def connection_lost(self, error: Exception | None) -> None:
        if error is not None or len(self._answer) < self._wanted:
            self._source.saw(time.perf_counter() - self._sent_at, b"HTTP/1.1 cut")
        self.done.set_result(None)


def whole(answer: bytes) -> int:
    """How long the whole answer is in bytes; 0 while its head has not come."""
    end = answer.find(b"\r\n\r\n")
    if end < 0:
        return 0
    found = _LENGTH.search(answer, 0, end + 2)
    return end + 4 + (int(found[1]) if found else 0)


async def work(job: Job) -> Seen:
    """Do the job in this process."""
    loop = asyncio.get_running_loop()
    began_cpu, began = time.process_time(), time.perf_counter()
    source = Source(job)
    made = [
        await loop.create_connection(lambda mine=requests: Client(source, mine), "127.0.0.1", job.port)  # type: ignore[misc]
        for requests in job.clients
    ]
    await asyncio.gather(*(client.done for _, client in made))
    seconds = time.perf_counter() - began
    cpu_s = time.process_time() - began_cpu
    sample = source.sample.decode(errors="replace")
    return Seen([1000 * one for one in source.took], seconds, cpu_s, dict(source.refused), sample)


async def drive(job: Job) -> Seen:
    """Do the job in a process of its own, and wait for it."""
    told = asdict(job) | {"clients": [[one.decode("latin-1") for one in each] for each in job.clients]}
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.bench.load", cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    try:
        async with asyncio.timeout(job.seconds + _HANG_S):
            out, _ = await child.communicate(json.dumps(told).encode())
    finally:
        if child.returncode is None:
            child.kill()
            await child.wait()
    return Seen(**json.loads(out))


def request(
    method: str, path: str, *, token: str | None = None, body: bytes | None = None, **headers: str
) -> bytes:
    """A prepared request; a header `Cox_Wait_For="…"` is sent as `Cox-Wait-For`."""
    lines = [f"{method} {path} HTTP/1.1", "Host: bench"]
    if token is not None:
        lines.append(f"Authorization: Bearer {token}")
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    if body is not None:
        lines += ["Content-Type: application/json", f"Content-Length: {len(body)}"]
    return "\r\n".join([*lines, "", ""]).encode() + (body or b"")


def main() -> None:
    import uvloop

    told = json.load(sys.stdin)
    told["clients"] = [[one.encode("latin-1") for one in each] for each in told["clients"]]
    json.dump(asdict(uvloop.run(work(Job(**told)))), sys.stdout)


if __name__ == "__main__":
    main()
