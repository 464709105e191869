"""The log is another one, or has a hole, or its reader is not alone, or the database is away: offsets that
would lie are not believed.
"""

from __future__ import annotations

from tests.chaos import faults
from tests.chaos.life import Life, living
from tests.chaos.problems import says
from tests.chaos.promise import Outcome, Run
from tests.chaos.stack import until
from tests.chaos.thelog import bounds_of, cut_off, wipe

NAME = "R18"
CLAIM = "an offset that does not belong to the log, or to its reader, is not believed"

STREAMS = ("cox.leads", "cox.activities")
OWNERS = ("leads", "activities")
LIMIT_S = 300.0
ZOMBIE_S = 40.0
"""Longer than Kafka keeps the place of a member that says nothing."""

_AGE = "update events set recorded_at = recorded_at - interval '10 minutes'"


async def run(run: Run) -> Outcome:
    rate, requests, rounds = (100, 400, 2) if run.full else (40, 40, 1)
    async with living(run, rate=rate, scale="scoring=2") as life:
        await life.lived(requests)
        await life.healed()
        for _ in range(rounds):
            await _wiped_and_refilled(life, requests)
            await _hole(life, requests)
            await _without_database(life, requests)
            if run.full:
                await _zombie(life, requests)
        await life.check()
    return life.outcome


def _scoring(life: Life) -> list[str]:
    return [name for name in life.stack.names() if name.startswith("scoring-worker-")]


async def _wiped_and_refilled(life: Life, requests: int) -> None:
    """Scoring has not read all when Kafka loses all, long after it was sent; then the log grows again."""
    stopped = [life.stack.pause(name) for name in _scoring(life)]
    await life.lived(requests)
    await life.published(*OWNERS)
    for service in OWNERS:
        async with life.stack.database(service) as connection:
            await connection.execute(_AGE)
    read = await _ends(life)
    await wipe(life.stack.settings, STREAMS)
    life.struck("Kafka wiped")

    async with life.going_on():
        await life.requests(requests)
        await until(lambda: _refilled(life, read), "the log is refilled past what was read", LIMIT_S)
        for process in stopped:
            life.stack.resume(process)
    await life.healed()


async def _ends(life: Life) -> int:
    return sum(end - begin for begin, end in (await bounds_of(life.stack.settings, STREAMS)).values())


async def _refilled(life: Life, read: int) -> bool:
    return await _ends(life) > read


async def _hole(life: Life, requests: int) -> None:
    """The log forgets what scoring has not read: it stops, names the command, and goes on after it."""
    stopped = [life.stack.pause(name) for name in _scoring(life)]
    await life.lived(requests)
    await life.published(*OWNERS)
    gone = await cut_off(life.stack.settings, STREAMS)
    life.struck(f"{gone} records cut off the log")
    await life.lived(requests)
    for process in stopped:
        life.stack.resume(process)
    what = "cox events republish"
    await until(lambda: says(life.stack, "scoring", what), "scoring says what to do", LIMIT_S)
    await life.stack.command("events", "republish")
    await life.healed()


async def _without_database(life: Life, requests: int) -> None:
    """Partitions are given out while PostgreSQL does not answer, then once more while it recovers."""
    async with life.going_on():
        for kill in (False, True):
            if kill:
                await faults.kill_and_wait(life.stack, "postgres")
                await faults.kill_and_wait(life.stack, _scoring(life)[0])
            else:
                async with faults.paused(life.stack, "postgres"):
                    await faults.kill_and_wait(life.stack, _scoring(life)[0])
            life.struck("PostgreSQL away while partitions are assigned")
            await life.requests(requests // 2)
    await life.healed()


async def _zombie(life: Life, requests: int) -> None:
    """A stopped reader comes back when another has its partitions."""
    async with life.going_on():
        async with faults.paused(life.stack, _scoring(life)[0]):
            life.struck("a reader stopped")
            await faults.pause_for(life.run.rng(), ZOMBIE_S, ZOMBIE_S)
        await life.requests(requests // 2)
    await life.healed()
