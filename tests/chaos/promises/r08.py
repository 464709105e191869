"""R8: workers join, leave and are killed under load, so that partitions change hands again and again."""

from __future__ import annotations

import signal

from tests.chaos import faults
from tests.chaos.promise import Outcome, Run
from tests.chaos.siege import Siege, withstand

NAME = "R8"
CLAIM = "rebalances are safe (200 joins, leaves and kills of workers under load)"

SCALE = "leads=2,activities=2,scoring=3"
_CHANGES = 200
_LIVES_S = 2.0


async def run(run: Run) -> Outcome:
    changes = _CHANGES if run.full else 3

    async def inject(siege: Siege) -> None:
        left = killed = 0
        while siege.outcome.faults < changes:
            if run.minutes is not None and siege.minutes_gone > run.minutes:
                break
            await faults.pause_for(siege.chance, *((0.2, 2.0) if run.full else (0.1, 0.3)))
            lives_s = _LIVES_S if run.full else 0.0
            name, process = await faults.grown(siege.stack, siege.chance, "worker", lives_s)
            if siege.chance.random() < 0.5:
                # It says good-bye to its group; the launcher starts another one, which joins.
                process.send_signal(signal.SIGTERM)
                siege.struck(f"{name} leaves, and joins again")
                left += 1
            else:
                process.kill()
                siege.struck(f"kill -9 {name}, which joins again")
                killed += 1
        await siege.recovered()
        siege.outcome.figures |= {"left": left, "killed": killed, "joined": left + killed}

    return await withstand(run, rate=80 if run.full else 40, inject=inject, scale=SCALE)
