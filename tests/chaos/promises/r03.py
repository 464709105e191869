"""R3: consumers are killed as soon as they committed to the database, before Kafka hears of it."""

from __future__ import annotations

import asyncio

from tests.chaos.promise import Outcome, Run
from tests.chaos.siege import Siege, withstand

NAME = "R3"
CLAIM = "a consumer crash applies once (300 kills between database commit and Kafka commit)"

_KILLS = 300
_CONSUMING = ("scoring", "leads", "activities")
_APPLIED = "select coalesce(sum(next), 0) from offsets where stream <> 'cox.org'"
_WATCH_S = 0.002


async def run(run: Run) -> Outcome:
    kills, most = (_KILLS, run.minutes) if run.full else (2, None)

    async def inject(siege: Siege) -> None:
        wanted = _CONSUMING if run.full else _CONSUMING[:1]
        await asyncio.gather(*(_kill_after_commits(siege, service, kills, most) for service in wanted))
        await siege.recovered()

    return await withstand(run, rate=100 if run.full else 40, inject=inject)


async def _kill_after_commits(siege: Siege, service: str, kills: int, most: float | None) -> None:
    """Kill this service's worker each time it has committed, until there were enough kills in all."""
    name = f"{service}-worker-1"
    async with siege.stack.database(service) as connection:
        applied = await connection.fetchval(_APPLIED)
        while siege.outcome.faults < kills and (most is None or siege.minutes_gone < most):
            await asyncio.sleep(_WATCH_S)
            now = await connection.fetchval(_APPLIED)
            if now == applied:
                continue
            # Kafka is told at most once a second, after the commit: it does not know yet.
            process = siege.stack.kill(name)
            siege.struck(f"kill -9 {name} at {now} records applied")
            await siege.stack.replaced(name, process)
            applied = await connection.fetchval(_APPLIED)
