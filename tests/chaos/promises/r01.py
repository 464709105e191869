"""R1: Kafka is killed again and again under load."""

from __future__ import annotations

from tests.chaos import faults
from tests.chaos.promise import Outcome, Run
from tests.chaos.siege import Siege, withstand

NAME = "R1"
CLAIM = "no acknowledged write loses its event (kill -9 Kafka 20 times in 15 minutes at 200 writes/s)"

_KILLS, _MINUTES = 20, 15.0


async def run(run: Run) -> Outcome:
    minutes = (run.minutes or _MINUTES) if run.full else 0.02
    kills = max(1, round(_KILLS * minutes / _MINUTES))

    async def inject(siege: Siege) -> None:
        for number in range(kills):
            # One kill in each part of the time, at a moment of its own.
            at = (number + siege.chance.uniform(0.1, 0.6)) * minutes / kills
            await faults.pause_for(siege.chance, *[max(0.0, (at - siege.minutes_gone) * 60)] * 2)
            await faults.kill_and_wait(siege.stack, "kafka")
            siege.struck("kill -9 kafka")
            await siege.recovered()
        await faults.pause_for(siege.chance, *[max(0.0, (minutes - siege.minutes_gone) * 60)] * 2)

    return await withstand(run, rate=200 if run.full else 40, inject=inject)
