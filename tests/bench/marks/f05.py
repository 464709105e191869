"""F5: from a stage change to the number that it makes."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from statistics import median

from tests.bench.journeys import POSITION, Arrived, Journeys, Trip, drive
from tests.bench.limits.path import raw_path
from tests.bench.load import request
from tests.bench.mark import Bench
from tests.bench.measure import Costs, middle, percentile
from tests.bench.result import Asked, Result
from tests.bench.site import Crew, Site, settled, share_out

NAME = "F5"
WHAT = "stage change at the gateway to the answer of a KPI read with Cox-Wait-For, 200 a second"

RATE = 200.0
REPS = 16
PACE_S = 6
_WAIT_MS = "30000"
_VALUE = {"amount": "1200.00", "currency": "USD"}
_MOST_IN_A_PAGE = 200


@dataclass
class _Found:
    ours: list[Arrived] = field(default_factory=list)
    calm: list[Arrived] = field(default_factory=list)
    limit: list[list[float]] = field(default_factory=list)
    cost: list[Costs] = field(default_factory=list)


async def run(bench: Bench) -> Result:
    """Each round: the limit one at a time, ours one at a time and at the table's pace."""
    site, found = await bench.site(), _Found()
    crew = await site.crew(NAME, bench.pick(REPS, 4))
    rate, count = bench.pick(RATE, 20.0), bench.pick(int(RATE * PACE_S), 20)
    calm, single = bench.pick(200, 10), bench.pick(400, 10)
    # No lead comes twice in a round: its next move must not overtake this one.
    turns = Turns(crew, await owned(site, crew, count))
    async with raw_path(site.settings.kafka_bootstrap, site.limits_url, site.limits()) as raw:
        for number in range(bench.rounds):
            found.limit.append([await raw.one() for _ in range(single)])
            found.calm.append(await drive(Journeys(site.port, 25.0, turns.trips(calm))))
            meter = site.meter()
            trips = turns.trips(count)
            found.ours.append(await drive(Journeys(site.port, rate, trips)))
            await site.stack.quiet()
            found.cost.append(meter.per_1000(len(trips)))
            bench.say(f"round {number + 1}: {median(found.ours[-1].took_ms):.1f} ms")
    return _told(site, found)


def _told(site: Site, found: _Found) -> Result:
    ours, limit = [median(one.took_ms) for one in found.ours], [median(one) for one in found.limit]
    result = Result(
        NAME, WHAT, "ms (p50)", ours, "raw insert, bare relay, bare consumer: to the KPI's commit, alone",
        limit, cpu_s_per_1000=middle(found.cost), memory_mib=site.memory(),
    )  # fmt: skip
    p99 = median(percentile(one.took_ms, 0.99) for one in found.ours)
    result.asked = [
        Asked("ms at 200 a second, p50", median(ours), 15.0, 4.0, most=True),
        Asked("ms at 200 a second, p99", p99, 60.0, 15.0, most=True),
    ]
    result.figures = {
        "limit_p99_ms": median(percentile(one, 0.99) for one in found.limit),
        "change_alone_p50_ms": median(median(one.changed_ms) for one in found.ours),
        "calm_p50_ms": median(median(one.took_ms) for one in found.calm),
        "calm_p99_ms": median(percentile(one.took_ms, 0.99) for one in found.calm),
        "calm_change_alone_p50_ms": median(median(one.changed_ms) for one in found.calm),
    }
    return result


async def owned(site: Site, crew: Crew, count: int) -> list[list[str]]:
    """Leads that a rule gave to the reps in turn, by rep; as many in all, or a few more."""
    each = -(-count // len(crew.people))
    admin = crew.tenant.admin
    await share_out(crew)
    items = [{"name": f"Lead {number}", "value": _VALUE} for number in range(each * len(crew.people))]
    for at in range(0, len(items), 500):
        await admin.post("/v1/leads/batch", {"items": items[at : at + 500]})
    await settled(site)
    pages = [await rep.get("/v1/leads", owner="me", limit=_MOST_IN_A_PAGE) for rep in crew.people]
    return [[str(lead["id"]) for lead in page["items"]][:each] for page in pages]


class Turns:
    """Journeys over all leads in turn: each is won, reopened, won again."""

    def __init__(self, crew: Crew, leads: Sequence[Sequence[str]]) -> None:
        self._crew = crew
        self._leads = [(rep, lead) for nth in zip(*leads, strict=False) for rep, lead in enumerate(nth)]
        self._next = 0

    def trips(self, count: int) -> list[Trip]:
        today = datetime.now(UTC).date()
        path = f"/v1/kpis?metric=won_revenue&by=rep&grain=month&from={today}&to={today}"
        found = []
        for _ in range(count):
            turn, at = divmod(self._next, len(self._leads))
            rep, lead = self._leads[at]
            token, to = self._crew.tokens[rep], ("won", "prospecting")[turn % 2]
            body = json.dumps({"to": to}).encode()
            change = request("POST", f"/v1/leads/{lead}/move", token=token, body=body)
            waiting = request("GET", path, token=token, Cox_Wait_For=POSITION.decode(), Cox_Wait_Ms=_WAIT_MS)
            found.append(Trip(change, waiting))
            self._next += 1
        return found
