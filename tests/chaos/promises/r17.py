"""R17, the part that takes minutes: clients leave while they are answered, again and again."""

from __future__ import annotations

import asyncio
import re
import urllib.request
from contextlib import suppress
from dataclasses import dataclass
from random import Random
from typing import Any

import aiohttp
import psutil

from tests.chaos.company import Company, found_company
from tests.chaos.promise import Outcome, Run
from tests.chaos.stack import NeverSo, Stack, until

NAME = "R17"
CLAIM = "clients that leave leave nothing behind (2,000 aborted requests: no connection, no memory)"

APPS = tuple(f"{service}-app-1" for service in ("gateway", "leads", "activities", "scoring"))
ROUNDS = 4
AT_ONCE = 50
SETTLED_S = 20.0
"""Shorter than the longest wait that a client may have asked for: nobody may sit it out."""
_SLACK = 8
_MOST_MIB = 16.0
_GAUGE = re.compile(r"^cox_(?:http_requests_in_flight|live_clients)\{?[^ ]* ([0-9.]+)$", re.MULTILINE)
_KINDS = ("read", "wait", "stream", "write", "half")


@dataclass(frozen=True, slots=True)
class Left:
    """What the processes hold: clients' connections (the gateway is the services' client), and the requests
    and live streams that are being answered.
    """

    connections: int
    under_way: float


async def run(run: Run) -> Outcome:
    outcome = Outcome(NAME, run.seed, run.full, requests=2000 if run.full else 80)
    async with run.stack() as stack:
        company = await found_company(stack, teams=1, reps=1)
        leaver = Leaver(stack, company, run.rng())
        await leaver.prepare()
        before = await _held(stack)
        sizes = []
        for number in range(ROUNDS):
            await leaver.leave(outcome.requests // ROUNDS)
            after = await _settled(stack, before, outcome)
            sizes.append(_mib(stack))
            run.say(f"round {number + 1}: {after.connections} connections, {sizes[-1]:.1f} MiB")
        outcome.faults = outcome.requests
        outcome.figures |= {
            "connections_before": before.connections,
            "connections_after": after.connections,
            "mib_after_each_round": " ".join(f"{size:.1f}" for size in sizes),
        }
        # The first round warms up: pools, caches, buffers.
        if run.full and sizes[-1] - sizes[0] > _MOST_MIB:
            outcome.failures.append(
                f"{sizes[-1] - sizes[0]:.1f} MiB more after the last round than the first"
            )
    return outcome


class Leaver:
    """Asks and goes away: before the answer, in it, or in the middle of their own request."""

    def __init__(self, stack: Stack, company: Company, chance: Random) -> None:
        self._url = stack.url
        self._user = company.admin
        self._chance = chance
        self._lead = ""
        self._tag = ""

    async def prepare(self) -> None:
        """A lead whose next version can be waited for; it never comes."""
        async with aiohttp.ClientSession() as session:
            made = await self._user.ask(session, "POST", "/v1/leads", {"name": "Nobody changes it"})
            self._lead = made.json["id"]
            shown = await self._user.ask(session, "GET", f"/v1/leads/{self._lead}")
            self._tag = shown.headers["ETag"]

    async def leave(self, times: int) -> None:
        turn = asyncio.Semaphore(AT_ONCE)

        async def one() -> None:
            async with turn:
                await self._one(self._chance.choice(_KINDS), self._chance.uniform(0, 0.1))

        await asyncio.gather(*(one() for _ in range(times)))

    async def _one(self, kind: str, after_s: float) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", int(self._url.rsplit(":", 1)[1]))
        writer.write(self._request(kind))
        with suppress(TimeoutError):
            async with asyncio.timeout(after_s + (1.0 if kind == "stream" else 0.0)):
                await reader.read(1)
        # At once, without a word: as a client whose machine goes away.
        writer.transport.abort()

    def _request(self, kind: str) -> bytes:
        body, more = b"", ""
        match kind:
            case "read":
                line = "GET /v1/leads?limit=100"
            case "wait":
                line = f"GET /v1/leads/{self._lead}"
                more = f"If-None-Match: {self._tag}\r\nCox-Wait-Ms: 30000\r\n"
            case "stream":
                line = "GET /v1/events/stream"
            case _:
                line, body = "POST /v1/leads", b'{"name": "Left behind"}'
                more = f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n"
        head = f"{line} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {self._user.token}\r\n{more}\r\n"
        return head.encode() + (body[:7] if kind == "half" else body)


async def _settled(stack: Stack, before: Left, outcome: Outcome) -> Left:
    """What is held once it is as before, or after SETTLED_S."""
    after = before

    async def so() -> bool:
        nonlocal after
        after = await _held(stack)
        return after.connections <= before.connections + _SLACK and after.under_way == 0

    try:
        outcome.recovery_s.append(await until(so, "nothing is held", SETTLED_S))
    except NeverSo:
        outcome.failures.append(f"held after {SETTLED_S:.0f} s: {after}, before: {before}")
    return after


async def _held(stack: Stack) -> Left:
    connections, under_way = 0, 0.0
    for state in stack.copy.state().processes:
        if state.name in APPS and state.internal_port is not None:
            process = stack.process(state.name)
            found = await asyncio.to_thread(process.net_connections, "tcp")
            connections += sum(1 for each in found if _is_a_clients(each, state.port))
            under_way += await asyncio.to_thread(_under_way, state.internal_port)
    return Left(connections, under_way)


def _is_a_clients(connection: Any, port: int | None) -> bool:
    return bool(connection.laddr.port == port and connection.status != psutil.CONN_LISTEN)


def _under_way(port: int) -> float:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=30) as answer:
        return sum(float(value) for value in _GAUGE.findall(answer.read().decode()))


def _mib(stack: Stack) -> float:
    """Memory of the HTTP processes: their own, without what they share."""
    return sum(stack.process(name).memory_full_info().uss for name in APPS) / 2**20
