"""F3: the relay, on a backlog and at rest."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from aiokafka import AIOKafkaConsumer, TopicPartition

from shared.events.streams import PARTITIONS
from shared.events.topics import topic_of
from shared.ids import new_id
from tests.bench.apart import apart
from tests.bench.child import running
from tests.bench.history import History, Row, record
from tests.bench.limits import events as limit_events
from tests.bench.limits.schema import HEADERS, LEADS, WAKE
from tests.bench.mark import Bench
from tests.bench.marks.f04 import timed
from tests.bench.measure import Costs, middle, percentile, pss_mib
from tests.bench.resting import one_at_a_time
from tests.bench.result import Asked, Result
from tests.bench.site import Site

NAME = "F3"
WHAT = "the relay on 200,000 pending events, against the same without envelope work; and at rest"

EVENTS = 200_000
STREAM = "cox.activities"
_PAUSE_S = 0.005
_PENDING_TOO = "select count(*) from (select from outbox_pending limit 1) p"


@dataclass
class _Found:
    ours: list[float] = field(default_factory=list)
    limit: list[float] = field(default_factory=list)
    cost: list[Costs] = field(default_factory=list)
    limit_cost: list[Costs] = field(default_factory=list)
    memory: Costs = field(default_factory=dict)
    at_rest_ms: list[float] = field(default_factory=list)


async def run(bench: Bench) -> Result:
    """Rounds by turns; each relay finds the backlog when it starts. Ours then carries single events."""
    site, found = await bench.site(), _Found()
    count, single = bench.pick(EVENTS, 2_000), bench.pick(500, 10)
    rows = list(History(new_id()).activities(count))
    for number in range(bench.rounds):
        await _limit_round(site, count, found)
        await _our_round(site, rows, single, found)
        bench.say(f"round {number + 1}: {found.ours[-1]:.0f}/s against {found.limit[-1]:.0f}/s")
    result = Result(
        NAME, WHAT, "events/s", found.ours, "NOTIFY, delete returning, explicit batches, no envelope",
        found.limit,        cpu_s_per_1000=middle(found.cost), limit_cpu_s_per_1000=middle(found.limit_cost),
        memory_mib=found.memory,
    )  # fmt: skip
    p50, p99 = percentile(found.at_rest_ms, 0.5), percentile(found.at_rest_ms, 0.99)
    result.asked = [
        Asked("rate over the limit's", result.ratio or 0, 0.4, 0.7),
        Asked("ms at rest from commit to consumer, p50", p50, None, 1.0, most=True),
        Asked("ms at rest from commit to consumer, p99", p99, None, 5.0, most=True),
    ]
    result.figures = {"events": count, "at_rest": len(found.at_rest_ms)}
    return result


async def _our_round(site: Site, rows: list[Row], single: int, found: _Found) -> None:
    async with apart(site, "activities") as own, own.database("activities") as connection:
        await record(connection, rows)
        topic = topic_of(STREAM, own.settings.topic_prefix)
        async with _ends(site, topic, PARTITIONS[STREAM]) as published, own.worker("activities") as worker:
            meter = site.meter(relay=worker)
            found.ours.append(await timed(published, len(rows), meter, worker))
            while await connection.fetchval(_PENDING_TOO):  # noqa: ASYNC110 - a table tells nobody
                await asyncio.sleep(_PAUSE_S)
            found.cost.append(meter.per_1000(len(rows)))
            found.at_rest_ms += await one_at_a_time(own.settings, rows[0]["tenant_id"], single)
            found.memory = pss_mib({"relay": worker})


async def _limit_round(site: Site, count: int, found: _Found) -> None:
    bootstrap = site.settings.kafka_bootstrap
    topic = await limit_events.make_topic(bootstrap)
    told = {"BENCH_URL": site.limits_url, "BENCH_KAFKA": bootstrap, "BENCH_TOPIC": topic}
    rows = [
        (new_id(), "lead", new_id(), "lead.stage_changed", limit_events.event(number).decode(), HEADERS)
        for number in range(count)
    ]
    columns = ("tenant_id", "aggregate_type", "aggregate_id", "type", "payload", "headers")
    try:
        async with site.limits() as connection:
            await connection.execute(LEADS)
            await connection.copy_records_to_table("outbox", records=rows, columns=columns)
            await connection.execute(WAKE)
            await connection.execute("vacuum analyze outbox")
            ends = _ends(site, topic, limit_events.PARTITIONS)
            async with ends as published, running("tests.bench.limits.relay", **told) as relay:
                meter = site.meter(relay=relay)
                found.limit.append(await timed(published, count, meter, relay))
                found.limit_cost.append(meter.per_1000(count))
    finally:
        await limit_events.delete_topic(bootstrap, topic)


class _Ends:
    """How many records a topic holds."""

    def __init__(self, consumer: AIOKafkaConsumer, partitions: list[TopicPartition]) -> None:
        self._consumer, self._partitions = consumer, partitions

    async def __call__(self) -> int:
        return sum((await self._consumer.end_offsets(self._partitions)).values())


@asynccontextmanager
async def _ends(site: Site, topic: str, partitions: int) -> AsyncIterator[_Ends]:
    consumer = AIOKafkaConsumer(bootstrap_servers=site.settings.kafka_bootstrap)
    await consumer.start()
    try:
        yield _Ends(consumer, [TopicPartition(topic, number) for number in range(partitions)])
    finally:
        await consumer.stop()
