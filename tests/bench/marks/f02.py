"""F2: many leads in one request, and in one file."""

from __future__ import annotations

import json
from contextlib import AsyncExitStack
from statistics import median
from typing import NamedTuple

from tests.bench.importing import csv_of, import_csv
from tests.bench.limits import staged
from tests.bench.load import Job, request
from tests.bench.mark import Bench
from tests.bench.measure import Costs, middle
from tests.bench.result import Asked, Result
from tests.bench.site import Crew, Site, settled
from tests.chaos.faults import paused

NAME = "F2"
WHAT = "POST /v1/leads/batch of 1,000 through the gateway, against a staged COPY with dedupe and outbox rows"

ITEMS = 1000
CLIENTS = 4
REPS = 32
LINES = 40_000
"""Of the file."""
_FOLLOWING = ("leads-worker-1", "activities-worker-1", "scoring-worker-1")


def batch(items: int, token: str) -> bytes:
    """A batch whose phones and e-mail addresses have five digits of the request's number, then the item's."""
    leads = [
        {
            "name": f"Lead number {item}", "company": f"Company {item % 500}",
            "phone": f"+86138@@@@@{item:03d}", "email": f"lead.@@@@@{item:03d}@example.com",
            "source": "web", "region": "north", "channel": "web", "product": "crm",
            "tags": ["a", "hot"], "value": {"amount": "12000.50", "currency": "USD"},
            "custom": {"industry": "steel", "employees": 120},
        }
        for item in range(items)
    ]  # fmt: skip
    return request("POST", "/v1/leads/batch", token=token, body=json.dumps({"items": leads}).encode())


async def run(bench: Bench) -> Result:
    """Rounds by turns: the limit; batches and a file with all that follows from a lead beside them; the same
    up to lead and event, while the workers that come after stand still.
    """
    site = await bench.site()
    crew = await site.crew(NAME, bench.pick(REPS, 4))
    rows = bench.pick(100_000, 1_000)
    sizes = _Sizes(bench.pick(ITEMS, 50), bench.pick(40, 4), bench.pick(LINES, 200))
    limit, bare = list[float](), list[Costs]()
    whole, path = _Rates(), _Rates()
    meter = site.meter()
    async with site.limits() as connection:
        for number in range(bench.rounds):
            await settled(site)
            await staged.prepare(connection)
            meter.begin()
            limit.append(await staged.load(connection, rows))
            bare.append(meter.per_1000(rows))
            await whole.round(site, crew, sizes)
            await settled(site)
            async with AsyncExitStack() as held:
                for name in _FOLLOWING:
                    await held.enter_async_context(paused(site.stack, name))
                await path.round(site, crew, sizes, follows=False)
            bench.say(
                f"round {number + 1}: {whole.batch[-1]:.0f} rows/s, a file {whole.file[-1]:.0f}, up to lead"
                f" and event {path.batch[-1]:.0f} and {path.file[-1]:.0f}, against {limit[-1]:.0f}"
            )
    result = Result(
        NAME, WHAT, "rows/s", whole.batch, "COPY to a staging table, merge that drops repeats, outbox rows",
        limit, cpu_s_per_1000=middle(whole.costs), limit_cpu_s_per_1000=middle(bare),
        memory_mib=site.memory(),
        figures={
            "items": sizes.items, "clients": CLIENTS, "batch_p50_ms": median(whole.ms),
            "file_rows": sizes.lines, "file_rows_per_s": median(whole.file),
            "path_rows_per_s": median(path.batch), "path_file_rows_per_s": median(path.file),
        },
    )  # fmt: skip
    result.asked = [
        Asked(what, median(rates) / median(limit), 0.2, 0.6)
        for what, rates in (
            ("rate over the limit's, workers running", whole.batch),
            ("rate of a file's rows over the limit's, workers running", whole.file),
            ("rate over the limit's, up to lead and event", path.batch),
            ("rate of a file's rows over the limit's, up to lead and event", path.file),
        )
    ]
    return result


class _Sizes(NamedTuple):
    """Of a request, how many of them, and rows of the file."""

    items: int
    requests: int
    lines: int


class _Rates:
    """What was seen, round by round: rows/s, ms of a request, CPU."""

    def __init__(self) -> None:
        self.batch: list[float] = []
        self.file: list[float] = []
        self.ms: list[float] = []
        self.costs: list[Costs] = []

    async def round(self, site: Site, crew: Crew, sizes: _Sizes, *, follows: bool = True) -> None:
        """Batches, then a file. `follows`: the CPU counts until all that follows is done, too."""
        clients = [[batch(sizes.items, token) for token in crew.tokens[at::CLIENTS]] for at in range(CLIENTS)]
        meter = site.meter()
        meter.begin()
        job = Job(site.port, clients, count=sizes.requests, digits=5)
        seen = (await site.load(job)).all_good()
        if follows:
            await site.stack.quiet()
        self.costs.append(meter.per_1000(sizes.requests * sizes.items))
        self.batch.append(seen.rate * sizes.items)
        self.ms.append(seen.ms(0.5))
        self.file.append(await import_csv(crew.people[0], csv_of(sizes.lines), sizes.lines))
