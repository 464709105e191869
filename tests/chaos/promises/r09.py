"""R9: Kafka is away for minutes while people go on working."""

from __future__ import annotations

import asyncio
import time
from contextlib import suppress

import psutil

from deploy.local.topology import SERVICES
from tests.chaos import faults
from tests.chaos.promise import Outcome, Run
from tests.chaos.siege import Siege, withstand
from tests.chaos.stack import NeverSo, Stack, until

NAME = "R9"
CLAIM = "the broker may be down (10 minutes without Kafka at 100 writes/s: no 5xx, drained within 120 s)"

RATE = 100.0
DRAIN_LIMIT_S = 120.0
_MINUTES, _SHORT_S = 10.0, 3.0
_HANG_S, _MEETS_S = 1200.0, 300.0
_PENDING = "select count(*) from outbox_pending"


async def run(run: Run) -> Outcome:
    seconds = (run.minutes or _MINUTES) * 60 if run.full else _SHORT_S
    rate = RATE if run.full else 20.0

    async def inject(siege: Siege) -> None:
        await _silent(siege, seconds / 2)
        await _refusing(siege, seconds / 2)
        await _drained(siege, rate)

    outcome = await withstand(run, rate=rate, inject=inject)
    drained = float(outcome.figures["drained_s"])
    if run.full and drained > DRAIN_LIMIT_S:
        outcome.failures.append(f"drained after {drained:.0f} s, not within {DRAIN_LIMIT_S:.0f} s")
    return outcome


async def _silent(siege: Siege, seconds: float) -> None:
    """Kafka is there and says nothing: its process is stopped."""
    async with faults.paused(siege.stack, "kafka"):
        siege.struck("Kafka is silent")
        await asyncio.sleep(seconds)
        await until(lambda: _waits(siege), "something waits", _MEETS_S)
        await _look(siege, "silent")


async def _refusing(siege: Siege, seconds: float) -> None:
    """Nothing listens at Kafka's port: what the launcher starts is killed before it does."""
    siege.struck("Kafka is gone")
    until_then = time.monotonic() + seconds
    killed: psutil.Process | None = None
    while time.monotonic() < until_then or not await _waits(siege):
        if time.monotonic() > until_then + _MEETS_S:
            raise NeverSo(f"nothing was written in {_MEETS_S:.0f} s")
        with suppress(KeyError, psutil.NoSuchProcess):
            found = siege.stack.process("kafka")
            if found != killed:
                killed = siege.stack.kill("kafka")
        await asyncio.sleep(0.1)
    await _look(siege, "gone")


async def _look(siege: Siege, when: str) -> None:
    """What people were told so far: nothing of 5xx, and an answer to everything."""
    statuses = siege.traffic.ledger.statuses
    failed = {status: n for status, n in statuses.items() if not status.isdigit() or int(status) >= 500}
    backlog = await _pending(siege.stack)
    siege.run.say(f"Kafka was {when}: {dict(statuses)}, {backlog} events wait")
    siege.outcome.figures[f"backlog_{when}"] = backlog
    siege.outcome.figures[f"failed_{when}"] = sum(failed.values())
    if failed:
        siege.outcome.failures.append(f"writes while Kafka was {when} were answered {failed}")


async def _drained(siege: Siege, rate: float) -> None:
    """Seconds until only what comes in a second waits, while people go on; then nothing may fail either."""
    before = dict(siege.traffic.ledger.statuses)

    async def so() -> bool:
        return await _pending(siege.stack) < max(rate, 20)

    with suppress(NeverSo):
        siege.outcome.figures["drained_s"] = round(await until(so, "drained", _HANG_S, pause_s=0.5), 1)
    siege.outcome.figures.setdefault("drained_s", _HANG_S)
    siege.run.say(f"drained after {siege.outcome.figures['drained_s']} s")
    after = siege.traffic.ledger.statuses
    for status, n in after.items():
        if n > before.get(status, 0) and (not status.isdigit() or int(status) >= 500):
            siege.outcome.failures.append(f"{n - before.get(status, 0)} writes while it drained: {status}")


async def _waits(siege: Siege) -> bool:
    """Whether something was written that cannot be sent: until then the fault has met nobody."""
    return await _pending(siege.stack) > 0


async def _pending(stack: Stack) -> int:
    """Events of all services that are not sent yet."""
    counts = []
    for service in SERVICES:
        async with stack.database(service) as connection:
            counts.append(int(await connection.fetchval(_PENDING)))
    return sum(counts)
