"""TIMERS: what comes due costs the same however much waits."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence

from services.leads.pools.recycling.use_cases import TIMER
from tests.bench.mark import Bench
from tests.bench.measure import Costs, middle
from tests.bench.result import Asked, Result
from tests.bench.site import Crew, Site, settled, share_out
from tests.chaos.stack import Connection, until

NAME = "TIMERS"
WHAT = "dates of leads that come due: looked up and set anew, with 10^6 timers waiting over none"

DUE, WAITING = 2_000, 1_000_000
_BATCH = 1_000
_LIMIT_S = 600.0
_WAIT = """
insert into timers (tenant_id, id, kind, aggregate_id, generation, due_at, fire_at, payload)
select $1, gen_random_uuid(), $2, gen_random_uuid(), 1, at, at, '{}'
from (select now() + interval '1 year' + n * interval '1 second' as at from generate_series(1, $3::int) n) due
"""
_PLANNED = "select count(*) from timers where kind = $1 and fire_at < now() + interval '60 days'"
_COME_DUE = "update timers set fire_at = now() where kind = $1 and fire_at < now() + interval '60 days'"
_LEFT = "select count(*) from timers where fire_at <= now()"


async def run(bench: Bench) -> Result:
    """Each lead in hand has a date; all are made due at once, and fire: first among themselves, then among
    many.
    """
    due, waiting = bench.pick(DUE, 20), bench.pick(WAITING, 1_000)
    async with bench.own_site("timers") as site, site.stack.database("leads") as connection:
        crew = await site.crew("timers", 4)
        await _held(crew, due)

        async def planned() -> bool:
            return int(await connection.fetchval(_PLANNED, TIMER)) >= due

        await until(planned, "every lead in hand has its date", _LIMIT_S)
        alone = [await _fired(site, connection, due) for _ in range(bench.rounds)]
        bench.say(f"{_rate(alone):.0f}/s alone")
        await connection.execute(_WAIT, crew.tenant.id, TIMER, waiting)
        await connection.execute("analyze timers")
        await settled(site)
        among = [await _fired(site, connection, due) for _ in range(bench.rounds)]
        bench.say(f"{_rate(among):.0f}/s among {waiting}")
    result = Result(
        NAME, WHAT, "dates/s", [rate for rate, _ in among], "the same with nothing waiting",
        [rate for rate, _ in alone], cpu_s_per_1000=middle([cost for _, cost in among]),
        limit_cpu_s_per_1000=middle([cost for _, cost in alone]), figures={"due": due, "waiting": waiting},
    )  # fmt: skip
    ratio = sum(result.cpu_s_per_1000.values()) / max(sum(result.limit_cpu_s_per_1000.values()), 1e-9)
    result.asked = [Asked("CPU per date, among many over alone", ratio or 1e-9, 1.3, 1.1, most=True)]
    return result


def _rate(fired: Sequence[tuple[float, Costs]]) -> float:
    return sum(rate for rate, _ in fired) / len(fired)


async def _held(crew: Crew, number: int) -> None:
    """So many leads in the reps' hands, on a pool's terms."""
    admin = crew.tenant.admin
    members = {"user_ids": list(crew.tenant.people.values())[: len(crew.people)]}
    keeping = {"follow_up_days": 30}
    await admin.post("/v1/pools", {"name": "p", "is_default": True, "members": members, "keeping": keeping})
    await share_out(crew)
    for first in range(0, number, _BATCH):
        items = [{"name": f"Lead {n}"} for n in range(first, min(first + _BATCH, number))]
        await admin.post("/v1/leads/batch", {"items": items})


async def _fired(site: Site, connection: Connection, due: int) -> tuple[float, Costs]:
    """Dates per second, and what they cost."""
    meter = site.meter()
    meter.begin()
    began = time.monotonic()
    await connection.execute(_COME_DUE, TIMER)
    async with asyncio.timeout(_LIMIT_S):
        while await connection.fetchval(_LEFT):  # noqa: ASYNC110 - timers tell nobody
            await asyncio.sleep(0.05)
    seconds = time.monotonic() - began
    return due / seconds, meter.per_1000(due)
