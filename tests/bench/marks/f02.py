"""F2: many leads in one request, and in one file."""

from __future__ import annotations

import json
from statistics import median

from tests.bench.importing import csv_of, import_csv
from tests.bench.limits import staged
from tests.bench.load import Job, request
from tests.bench.mark import Bench
from tests.bench.measure import Costs, middle
from tests.bench.result import Asked, Result
from tests.bench.site import settled

NAME = "F2"
WHAT = "POST /v1/leads/batch of 1,000 through the gateway, against a staged COPY with dedupe and outbox rows"

ITEMS = 1000
CLIENTS = 4
REPS = 32
LINES = 40_000
"""Of the file."""


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
    """Rounds by turns."""
    site = await bench.site()
    crew = await site.crew(NAME, bench.pick(REPS, 4))
    items, requests, rows = bench.pick(ITEMS, 50), bench.pick(40, 4), bench.pick(100_000, 1_000)
    clients = [[batch(items, token) for token in crew.tokens[at::CLIENTS]] for at in range(CLIENTS)]
    ours, limit, took, filed = list[float](), list[float](), list[float](), list[float]()
    lines = bench.pick(LINES, 200)
    costs, bare = list[Costs](), list[Costs]()
    meter = site.meter()
    async with site.limits() as connection:
        for number in range(bench.rounds):
            await settled(site)
            await staged.prepare(connection)
            meter.begin()
            limit.append(await staged.load(connection, rows))
            bare.append(meter.per_1000(rows))
            meter.begin()
            seen = (await site.load(Job(site.port, clients, count=requests, digits=5))).all_good()
            await site.stack.quiet()
            costs.append(meter.per_1000(requests * items))
            ours.append(seen.rate * items)
            took.append(seen.ms(0.5))
            filed.append(await import_csv(crew.people[0], csv_of(lines), lines))
            bench.say(
                f"round {number + 1}: {ours[-1]:.0f} rows/s, a file {filed[-1]:.0f}, against {limit[-1]:.0f}"
            )
    result = Result(
        NAME, WHAT, "rows/s", ours, "COPY to a staging table, merge that drops repeats, outbox rows", limit,
        cpu_s_per_1000=middle(costs), limit_cpu_s_per_1000=middle(bare), memory_mib=site.memory(),
        figures={
            "items": items, "clients": CLIENTS, "batch_p50_ms": median(took), "file_rows": lines,
            "file_rows_per_s": median(filed),
        },
    )  # fmt: skip
    result.asked = [
        Asked("rate over the limit's", result.ratio or 0, 0.2, 0.6),
        Asked("rate of a file's rows over the limit's", median(filed) / median(limit), 0.2, 0.6),
    ]
    return result
