"""A service's database is put back to an earlier state: others know events that its journal has no more."""

from __future__ import annotations

from tests.chaos.life import Life, living
from tests.chaos.problems import says
from tests.chaos.promise import Outcome, Run
from tests.chaos.restoring import back_up, restore
from tests.chaos.stack import until
from tests.chaos.thelog import Bounds, bounds_of

NAME = "R19"
CLAIM = "a producer that was restored publishes nothing until a new epoch is ordered; then all agree"

STREAMS = {"leads": "cox.leads", "activities": "cox.activities"}
LIMIT_S = 300.0


async def run(run: Run) -> Outcome:
    rate, requests = (100, 500) if run.full else (40, 40)
    services = ("leads", "activities", "leads") if run.full else ("leads",)
    async with living(run, rate=rate) as life:
        for service in services:
            await _restored(life, service, requests)
    return life.outcome


async def _restored(life: Life, service: str, requests: int) -> None:
    await life.lived(requests)
    async with life.going_on():
        # In the middle of things, as a backup is taken.
        copy = await back_up(life.stack, service)
        await life.requests(requests)
    await life.healed()
    await restore(life.stack, service, copy)
    life.struck(f"{service} restored")
    what = "If the database was restored, run `cox events republish --new-epoch`"
    await until(lambda: says(life.stack, service, what), f"the relay of {service} refuses", LIMIT_S)
    before = await _bounds(life, service)
    # Its users notice nothing, and nobody gets to know what they do.
    await life.lived(requests)
    if await _bounds(life, service) != before:
        life.outcome.failures.append(f"the relay of {service} published although it refuses to")
    await life.stack.command("events", "republish", service, "--new-epoch")
    await life.healed()
    await life.check(ledger=False)


async def _bounds(life: Life, service: str) -> Bounds:
    return await bounds_of(life.stack.settings, [STREAMS[service]])
