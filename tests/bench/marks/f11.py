"""F11: every number again from the log."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys

from services.scoring.kpis.tables import CONSUMER
from shared.ids import new_id
from tests.bench.apart import Apart, apart
from tests.bench.child import ROOT
from tests.bench.history import History
from tests.bench.mark import Bench
from tests.bench.marks.f04 import OFFSETS, fill, timed
from tests.bench.measure import Costs, middle
from tests.bench.result import Asked, Result

NAME = "F11"
WHAT = "./cox rebuild scoring: reading, folding, comparing and swapping, against F4's rate on the same events"

EVENTS = 120_000


async def run(bench: Bench) -> Result:
    """Each round applies a backlog as it comes, then rebuilds from the same log."""
    site = await bench.site()
    count = bench.pick(EVENTS, 2_000)
    rows = list(History(new_id()).events(count))
    ours, limit, costs = list[float](), list[float](), list[Costs]()
    for number in range(bench.rounds):
        async with apart(site, "scoring") as own, own.database("scoring") as connection:
            await fill(own, rows)
            async with own.worker("scoring") as worker:
                meter = site.meter(consumer=worker)
                limit.append(
                    await timed(lambda: connection.fetchval(OFFSETS, CONSUMER), count, meter, worker)
                )
                meter.begin()
                told = await _rebuild(own)
                costs.append(meter.per_1000(count))
        ours.append(told["events"] / told["seconds"])
        bench.say(f"round {number + 1}: {ours[-1]:.0f}/s against {limit[-1]:.0f}/s")
    result = Result(
        NAME, WHAT, "events/s", ours, "the consumer on the same backlog (F4's own path)", limit,
        cpu_s_per_1000=middle(costs), figures={"events": count},
    )  # fmt: skip
    result.asked = [Asked("rate over F4's", result.ratio or 0, 0.5, 1.0)]
    return result


class DifferentError(Exception):
    """The rebuilt numbers are not those of the consumer."""


async def _rebuild(own: Apart) -> dict[str, float]:
    """What the command said."""
    done = await asyncio.to_thread(
        subprocess.run, [sys.executable, "-m", "deploy.cli", "rebuild", "scoring", "--json"], cwd=ROOT,
        env=os.environ | own.environment(), capture_output=True, text=True, check=False,
    )  # fmt: skip
    if done.returncode != 0:
        raise DifferentError(done.stdout + done.stderr)
    told: dict[str, float] = json.loads(done.stdout)
    return told
