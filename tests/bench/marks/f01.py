"""F1: one lead after the other through the gateway."""

from __future__ import annotations

import json
from collections.abc import Sequence
from statistics import median
from uuid import uuid4

import psutil

from deploy.local.ports import free_port
from tests.bench.child import running, until_listening
from tests.bench.limits.schema import LEADS
from tests.bench.load import Job, Seen, request
from tests.bench.mark import Bench
from tests.bench.measure import Costs, middle, of
from tests.bench.result import Asked, Result, rounded
from tests.bench.site import Crew, Site, settled, share_out

NAME = "F1"
WHAT = "POST /v1/leads through the gateway, 32 clients, against bare FastAPI + asyncpg with two inserts"

CLIENTS = 32
# By then the JVM has compiled what leads ask of Kafka: that was a tenth of what a lead cost.
_WARM_S = 6.0
_BODY = {
    "name": "Ivan Petrov",
    "company": "Example Industries",
    "phone": "+86138@@@@@@@@",
    "email": "ivan.@@@@@@@@@example.com",
    "source": "web",
    "region": "north",
    "tags": ["a", "hot"],
    "custom": {"industry": "steel", "employees": 120},
}
_OURS = {"channel": "web", "product": "crm", "value": {"amount": "12000.50", "currency": "USD"}}
_BARE = {"stage": "new", "owner_id": str(uuid4()), "pool_state": "owned", "expected_amount": "12000.50"}


def lead(**more: object) -> bytes:
    """The body of a lead; its phone and e-mail address get a number that is never the same twice."""
    return json.dumps(_BODY | more).encode()


def creating(tokens: Sequence[str], clients: int = CLIENTS) -> list[list[bytes]]:
    """What each client sends: a lead, as one of these people."""
    return [
        [request("POST", "/v1/leads", token=tokens[number % len(tokens)], body=lead(**_OURS))]
        for number in range(clients)
    ]


async def run(bench: Bench) -> Result:
    """Rounds by turns, first without an assignment rule, then with one."""
    site = await bench.site()
    crew = await site.crew(NAME, bench.pick(CLIENTS, 4))
    port = free_port()
    async with site.limits() as limits:
        await limits.execute(LEADS)
        limit = running("tests.bench.limits.endpoint", str(port), BENCH_URL=site.limits_url)
        async with limit as bare:
            await until_listening(port)
            plain = await _rounds(bench, site, crew, port, bare)
            await share_out(crew)
            assigned = await _rounds(bench, site, crew, port, bare)
    return _told(site, plain, assigned)


class _Rounds:
    """What was seen: ours and the limit's, with what each cost."""

    def __init__(self) -> None:
        self.ours: list[Seen] = []
        self.bare: list[Seen] = []
        self.ours_cost: list[Costs] = []
        self.bare_cost: list[Costs] = []
        self.pending: list[int] = []

    @property
    def rates(self) -> tuple[list[float], list[float]]:
        return [seen.rate for seen in self.ours], [seen.rate for seen in self.bare]


async def _rounds(bench: Bench, site: Site, crew: Crew, port: int, bare: psutil.Process) -> _Rounds:
    seconds = bench.pick(4.0, 0.3)
    body = lead(**_BARE)
    tenant = str(crew.tenant.id)
    limit = Job(port, [[request("POST", "/leads", body=body, X_Tenant=tenant)]] * CLIENTS, seconds)
    ours = Job(site.port, creating(crew.tokens, bench.pick(CLIENTS, 4)), seconds)
    if bench.full:
        for job in (limit, ours):
            await site.load(Job(job.port, job.clients, 1.5))
    found, meter = _Rounds(), site.meter(bare=bare)
    for number in range(bench.rounds):
        await settled(site)
        meter.begin()
        found.bare.append((await site.load(limit)).all_good())
        found.bare_cost.append(_with_load(meter.per_1000(found.bare[-1].sent), found.bare[-1]))
        meter.begin()
        found.ours.append((await site.load(ours)).all_good())
        found.pending.append(await site.pending("leads"))
        # What a lead causes is its cost too: everything is applied before the cost is read.
        await site.stack.quiet()
        found.ours_cost.append(_with_load(meter.per_1000(found.ours[-1].sent), found.ours[-1]))
        bench.say(f"round {number + 1}: {found.ours[-1].rate:.0f}/s against {found.bare[-1].rate:.0f}/s")
    return found


def _with_load(costs: Costs, seen: Seen) -> Costs:
    return costs | {"load": seen.cpu_s * 1000 / max(seen.sent, 1)}


def _told(site: Site, plain: _Rounds, assigned: _Rounds) -> Result:
    costs, bare = middle(plain.ours_cost), middle(plain.bare_cost)
    ours, limit = plain.rates
    result = Result(
        NAME, WHAT, "requests/s", ours, "bare FastAPI + asyncpg, two inserts and a commit, no gateway", limit,
        cpu_s_per_1000=costs, limit_cpu_s_per_1000=bare, memory_mib=site.memory(),
    )  # fmt: skip
    p99 = _middle_of(plain.ours, 0.99) / _middle_of(plain.bare, 0.99)
    result.asked = [
        Asked("rate over the limit's", result.ratio or 0, 0.5, 1.0),
        Asked("CPU s per 1,000: gateway, service, PostgreSQL", _door_to_disk(costs), 0.8, 0.4, most=True),
        Asked("p99 over the limit's", p99, None, 2.0, most=True),
    ]
    result.figures = {
        "p50_ms": _middle_of(plain.ours, 0.5),
        "p99_ms": _middle_of(plain.ours, 0.99),
        "limit_p50_ms": _middle_of(plain.bare, 0.5),
        "limit_p99_ms": _middle_of(plain.bare, 0.99),
        "pending_at_the_end": max(plain.pending),
        "with_assignment": _second_row(assigned),
    }
    return result


def _second_row(assigned: _Rounds) -> dict[str, object]:
    ours, limit = assigned.rates
    costs = middle(assigned.ours_cost)
    return {
        "rate": rounded(median(ours)),
        "ratio": rounded(Result(NAME, "", "", ours, "", limit).ratio or 0),
        "p99_ms": _middle_of(assigned.ours, 0.99),
        "cpu_s_per_1000": {name: rounded(cost) for name, cost in costs.items()},
        "pending_at_the_end": max(assigned.pending),
    }


def _door_to_disk(costs: Costs) -> float:
    return of(costs, "gateway-app", "leads-app", "postgres")


def _middle_of(seen: Sequence[Seen], part: float) -> float:
    return rounded(median(one.ms(part) for one in seen))
