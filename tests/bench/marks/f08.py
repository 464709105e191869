"""F8: memory of everything that runs."""

from __future__ import annotations

from tests.bench.load import Job
from tests.bench.mark import Bench
from tests.bench.marks.f01 import CLIENTS, creating
from tests.bench.marks.f02 import batch
from tests.bench.marks.f10 import pages
from tests.bench.result import Asked, Result
from tests.bench.site import settled

NAME = "F8"
WHAT = "memory of everything running, one app and one worker per service: summed PSS after load"


async def run(bench: Bench) -> Result:
    """A copy of its own: leads one by one and in batches, pages read; then, all applied, what it holds."""
    async with bench.own_site("memory") as site:
        crew = await site.crew(NAME, bench.pick(CLIENTS, 4))
        for _ in range(bench.pick(3, 1)):
            await site.load(Job(site.port, creating(crew.tokens), bench.pick(6.0, 0.2)))
            batches = [[batch(bench.pick(1000, 20), token)] for token in crew.tokens[:4]]
            await site.load(Job(site.port, batches, count=bench.pick(20, 4), digits=5))
            await site.load(Job(site.port, [pages(crew.tokens)], bench.pick(3.0, 0.2)))
        await settled(site)
        memory = site.memory()
    gib = sum(memory.values()) / 1024
    result = Result(NAME, WHAT, "GiB", [gib], memory_mib=memory)
    result.asked = [Asked("GiB of PSS in all", gib, 1.2, 0.9, most=True)]
    return result
