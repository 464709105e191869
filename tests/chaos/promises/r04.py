"""R4: PostgreSQL is stopped at once, also while workers recover from the last time."""

from __future__ import annotations

import asyncio

from deploy.local.topology import SERVICES
from tests.chaos import faults
from tests.chaos.promise import Outcome, Run
from tests.chaos.siege import Siege, withstand

NAME = "R4"
CLAIM = "a database crash is survived (PostgreSQL stopped at once 20 times, 5 while workers recover)"

_STOPS, _AGAIN = 20, 5
_STUCK_AFTER_S = 60.0
_OLD = """
select count(*) from outbox_pending p join events e using (id)
where e.recorded_at < clock_timestamp() - make_interval(secs => $1)
"""


async def run(run: Run) -> Outcome:
    stops = _STOPS if run.full else 1

    async def inject(siege: Siege) -> None:
        while siege.outcome.faults < stops:
            await faults.pause_for(siege.chance, *((4.0, 12.0) if run.full else (0.3, 0.6)))
            await _stop(siege, "")
            if siege.outcome.faults % (_STOPS // _AGAIN) == 0:
                # The server is up again, and everybody is on their way back.
                await faults.pause_for(siege.chance, 0.2, 1.5)
                await _stop(siege, " while workers recover")
            await siege.recovered()
            if run.minutes is not None and siege.minutes_gone > run.minutes:
                break
        if run.full:
            await asyncio.sleep(_STUCK_AFTER_S)
            await _check_stuck(siege)

    return await withstand(run, rate=100 if run.full else 40, inject=inject)


async def _stop(siege: Siege, when: str) -> None:
    await faults.kill_and_wait(siege.stack, "postgres")
    siege.struck(f"PostgreSQL stopped at once{when}")


async def _check_stuck(siege: Siege) -> None:
    """A minute after the last heal, with load going on, nothing that is older than that is still pending."""
    for service in SERVICES:
        async with siege.stack.database(service) as connection:
            stuck = await connection.fetchval(_OLD, _STUCK_AFTER_S)
        if stuck:
            siege.outcome.failures.append(
                f"{service}: {stuck} events wait for more than {_STUCK_AFTER_S:.0f} s"
            )
