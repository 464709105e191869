"""R2: workers are killed at random points of what they do."""

from __future__ import annotations

from tests.chaos import faults
from tests.chaos.promise import Outcome, Run
from tests.chaos.siege import Siege, withstand

NAME = "R2"
CLAIM = "a relay crash is harmless (kill -9 workers 300 times: before send, after send, before delete)"

_KILLS = 300
# Long enough to lead, to send and to be caught at it.
_LIVES_S = 3.0


async def run(run: Run) -> Outcome:
    kills, most = (_KILLS, run.minutes) if run.full else (2, None)

    async def inject(siege: Siege) -> None:
        while siege.outcome.faults < kills and (most is None or siege.minutes_gone < most):
            await faults.pause_for(siege.chance, 0.0, 1.0)
            lives_s = _LIVES_S if run.full else 0.0
            name, process = await faults.grown(siege.stack, siege.chance, "worker", lives_s)
            process.kill()
            siege.struck(f"kill -9 {name}")
        await siege.recovered()

    return await withstand(run, rate=100 if run.full else 40, inject=inject)
