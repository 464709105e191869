"""R16: kills, pauses, slow and cut connections by chance, one over another."""

from __future__ import annotations

import asyncio

import psutil

from tests.chaos import faults
from tests.chaos.moving_in import HALF_WAY, move_in
from tests.chaos.promise import Outcome, Run
from tests.chaos.siege import Siege, withstand

NAME = "R16"
CLAIM = "overlapping faults do no harm (2 hours of random kills, pauses, slow and cut connections, files)"

SCALE = "leads=2,scoring=2"
_MINUTES, _SHORT_MINUTES = 120.0, 0.05
_STORMS = 3
_CALM_AFTER_S = 180.0
_ROWS, _SHORT_ROWS, _ROWS_IN_STORM = 20_000, 6_000, 2_000


async def run(run: Run) -> Outcome:
    minutes = (run.minutes or _MINUTES) if run.full else _SHORT_MINUTES

    async def inject(siege: Siege) -> None:
        while siege.minutes_gone < minutes:
            calm_at = min(siege.minutes_gone + _CALM_AFTER_S / 60, minutes)
            async with asyncio.TaskGroup() as storms:
                for _ in range(_STORMS if run.full else 1):
                    storms.create_task(_storm(siege, calm_at))
                if run.full:
                    storms.create_task(move_in(siege, _ROWS_IN_STORM))
            # Now and then it must come to rest, or nothing would say that it can.
            await siege.recovered()
        await move_in(siege, _ROWS if run.full else _SHORT_ROWS, HALF_WAY)

    return await withstand(run, rate=50 if run.full else 40, inject=inject, scale=SCALE, slow_wires=run.full)


async def _storm(siege: Siege, until_minutes: float) -> None:
    chance = siege.chance
    kinds = [_kill, _pause, *([_slow, _cut] if siege.wires else [])]
    while siege.minutes_gone < until_minutes:
        # A process that another fault has just ended is no error: the next fault comes.
        try:
            await chance.choice(kinds)(siege)
        except (KeyError, psutil.NoSuchProcess):
            continue
        await faults.pause_for(chance, *((1.0, 10.0) if siege.run.full else (0.2, 0.5)))


async def _kill(siege: Siege) -> None:
    name = siege.chance.choice(siege.stack.names())
    siege.stack.kill(name)
    siege.struck(f"kill -9 {name}")


async def _pause(siege: Siege) -> None:
    name = siege.chance.choice(siege.stack.names())
    seconds = siege.chance.uniform(0.5, 12.0) if siege.run.full else 0.5
    async with faults.paused(siege.stack, name):
        siege.struck(f"SIGSTOP {name} for {seconds:.1f} s")
        await asyncio.sleep(seconds)


async def _slow(siege: Siege) -> None:
    wire = siege.chance.choice(siege.wires)
    delay_s, seconds = siege.chance.uniform(0.01, 0.2), siege.chance.uniform(2.0, 20.0)
    siege.struck(f"{wire.name} answers {delay_s * 1000:.0f} ms later for {seconds:.0f} s")
    wire.delay_s = delay_s
    await asyncio.sleep(seconds)
    wire.delay_s = 0.0


async def _cut(siege: Siege) -> None:
    wire = siege.chance.choice(siege.wires)
    share = siege.chance.uniform(0.1, 1.0)
    siege.struck(f"{wire.cut(siege.chance, share)} connections to {wire.name} are cut")
