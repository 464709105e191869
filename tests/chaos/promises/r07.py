"""R7: the relay's leader is stopped, another one leads, and the first wakes up believing that it leads."""

from __future__ import annotations

import asyncio
import time

from tests.chaos import faults
from tests.chaos.promise import Outcome, Run
from tests.chaos.siege import Siege, withstand
from tests.chaos.stack import until

NAME = "R7"
CLAIM = "two relay leaders do no harm (the leader is stopped for 60 s, 20 times: another leads within 6 s)"

SCALE = "leads=2,activities=2"
_TIMES, _STOPPED_S, _WITHIN_S = 20, 60.0, 6.0
_SERVICES = ("leads", "activities")
_LIMIT_S = 300.0


async def run(run: Run) -> Outcome:
    times = _TIMES if run.full else 1
    stopped_s = _STOPPED_S if run.full else 0.0

    async def inject(siege: Siege) -> None:
        while siege.outcome.faults < times:
            if run.minutes is not None and siege.minutes_gone > run.minutes:
                break
            service = _SERVICES[siege.outcome.faults % len(_SERVICES)] if run.full else "leads"
            await faults.pause_for(siege.chance, *((1.0, 5.0) if run.full else (0.1, 0.3)))
            await _stop_the_leader(siege, service, stopped_s)
        await siege.recovered()
        taken = siege.outcome.recovery_s[:-1]
        if run.full and max(taken) > _WITHIN_S:
            siege.outcome.failures.append(f"another led only after {max(taken):.1f} s")

    return await withstand(run, rate=50 if run.full else 40, inject=inject, scale=SCALE)


async def _stop_the_leader(siege: Siege, service: str, stopped_s: float) -> None:
    former = ""

    async def somebody_leads() -> bool:
        nonlocal former
        former = await faults.leader_of(siege.stack, service) or ""
        return bool(former)

    async def another_leads() -> bool:
        return await faults.leader_of(siege.stack, service) not in (None, former)

    await until(somebody_leads, f"a relay of {service} leads", _LIMIT_S)
    async with faults.paused(siege.stack, former):
        began = time.monotonic()
        siege.struck(f"SIGSTOP {former}, which leads")
        siege.outcome.recovery_s.append(
            await until(another_leads, f"another relay of {service} leads", _LIMIT_S)
        )
        await asyncio.sleep(max(0.0, stopped_s - (time.monotonic() - began)))
