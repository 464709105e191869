"""F4: the KPI consumer on a backlog."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field

import psutil

from services.scoring.kpis.tables import CONSUMER
from shared.events.relaying.publishing import Publisher
from shared.ids import new_id
from shared.settings import Settings
from tests.bench.apart import Apart, apart
from tests.bench.child import check_alive, running
from tests.bench.history import History, Row, store_tenant
from tests.bench.limits import events as limit_events
from tests.bench.limits.schema import KPIS
from tests.bench.mark import Bench
from tests.bench.measure import Costs, Meter, middle, pss_mib
from tests.bench.result import Asked, Result
from tests.bench.site import Site

NAME = "F4"
WHAT = "KPI consumer on a backlog, every metric and dimension, against plain aiokafka + one KPI upsert"

EVENTS = 120_000
_LOOK_S = 0.02
_NOBODY = "9"
_HANG_S = 240.0
_BATCH = 4000
OFFSETS = "select coalesce(sum(next), 0)::bigint from offsets where consumer = $1"
_COUNTED = "select coalesce(sum(value), 0)::bigint from kpi"


@dataclass
class Backlogs:
    """Events per second of each round, from the first batch seen applied to the last; what they cost."""

    ours: list[float] = field(default_factory=list)
    limit: list[float] = field(default_factory=list)
    cost: list[Costs] = field(default_factory=list)
    limit_cost: list[Costs] = field(default_factory=list)
    memory: Costs = field(default_factory=dict)


async def run(bench: Bench) -> Result:
    """Rounds by turns, each on tables and topics of its own."""
    site, found = await bench.site(), Backlogs()
    count = bench.pick(EVENTS, 2_000)
    rows = list(History(new_id()).events(count))
    for number in range(bench.rounds):
        await _limit_round(site, count, found)
        async with apart(site, "scoring") as own:
            await fill(own, rows)
            await _our_round(site, own, count, found)
        bench.say(f"round {number + 1}: {found.ours[-1]:.0f}/s against {found.limit[-1]:.0f}/s")
    result = Result(
        NAME, WHAT, "events/s", found.ours, "plain aiokafka + one upsert per batch, overlapped commit",
        found.limit, cpu_s_per_1000=middle(found.cost), limit_cpu_s_per_1000=middle(found.limit_cost),
        memory_mib=found.memory, figures={"events": count},
    )  # fmt: skip
    result.asked = [Asked("rate over the limit's", result.ratio or 0, 0.3, 0.6)]
    return result


async def fill(own: Apart, rows: Sequence[Row]) -> None:
    """Put events on the topics as the relays would."""
    async with own.database("scoring") as connection:
        await store_tenant(connection, rows[0]["tenant_id"])
    await publish(own.settings, rows)


async def publish(settings: Settings, rows: Sequence[Row]) -> None:
    """Put events on the topics of an installation."""
    publisher = Publisher(settings.kafka_bootstrap, settings.topic_prefix, "leads")
    try:
        for at in range(0, len(rows), _BATCH):
            batch = [{**row, "id": at + index} for index, row in enumerate(rows[at : at + _BATCH])]
            await publisher.send(batch, epoch=1)
    finally:
        await publisher.close()


async def _our_round(site: Site, own: Apart, count: int, found: Backlogs) -> None:
    async with own.database("scoring") as connection, own.worker("scoring") as worker:
        meter = site.meter(consumer=worker)
        found.ours.append(await timed(lambda: connection.fetchval(OFFSETS, CONSUMER), count, meter, worker))
        found.cost.append(meter.per_1000(count))
        found.memory = pss_mib({"consumer": worker, **_servers(site)})


async def _limit_round(site: Site, count: int, found: Backlogs) -> None:
    bootstrap = site.settings.kafka_bootstrap
    topic = await limit_events.make_topic(bootstrap)
    try:
        await limit_events.publish(bootstrap, topic, [limit_events.event(each) for each in range(count)])
        told = {"BENCH_URL": site.limits_url, "BENCH_KAFKA": bootstrap, "BENCH_TOPIC": topic}
        async with site.limits() as connection:
            await connection.execute(KPIS)
            async with running("tests.bench.limits.consumer", **told, BENCH_TELL=_NOBODY) as consumer:
                meter = site.meter(consumer=consumer)
                found.limit.append(await timed(lambda: connection.fetchval(_COUNTED), count, meter, consumer))
                found.limit_cost.append(meter.per_1000(count))
    finally:
        await limit_events.delete_topic(bootstrap, topic)


async def timed(
    applied: Callable[[], Awaitable[int]], count: int, meter: Meter, worker: psutil.Process
) -> float:
    """Events per second from the first ones seen applied to the last. Raises Ended where the worker did."""
    first: tuple[float, int] | None = None
    meter.begin()
    async with asyncio.timeout(_HANG_S):
        while True:
            done = await applied()
            now = time.perf_counter()
            if done >= count:
                break
            if done and first is None:
                first = now, done
            check_alive(worker)
            await asyncio.sleep(_LOOK_S)
    # All of it in one look: too few to tell a rate.
    began, before = first or (now - _LOOK_S, 0)
    return (count - before) / (now - began)


def _servers(site: Site) -> dict[str, psutil.Process]:
    return {name: each for name, each in site.processes().items() if name in ("postgres", "kafka")}
