"""The operations that must cost the same however much is there, on one copy: what each costs and takes."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from itertools import product
from statistics import median
from urllib.parse import urlencode

import psutil

from services.scoring.kpis.tables import CONSUMER
from tests.bench.history import History
from tests.bench.journeys import Journeys, drive
from tests.bench.load import Job, request
from tests.bench.mark import Bench
from tests.bench.marks.f01 import creating
from tests.bench.marks.f04 import OFFSETS, publish, timed
from tests.bench.marks.f05 import Turns, owned
from tests.bench.marks.f10 import pages
from tests.bench.measure import Costs
from tests.bench.scaled import Scaled
from tests.bench.site import settled

# Scoring's worker alone is to work on the backlog.
_STOPPED = ("gateway-app-1", "gateway-worker-1", "leads-worker-1", "activities-worker-1", "scoring-worker-1")
_METRICS = ("win_rate", "won_revenue", "leads_created", "first_response_seconds", "calls")
_FILTERS: tuple[dict[str, str], ...] = (
    {"product": "product-3"},
    {"region": "north", "channel": "phone"},
    {"product": "product-5", "channel": "web"},
    {"region": "south", "product": "product-1", "channel": "referral"},
)


class Operations:
    """`costs`: CPU seconds per 1,000 by process, of each round; `filtered_ms`: reads with one to three
    filters.
    """

    def __init__(self, bench: Bench, scaled: Scaled) -> None:
        self._bench, self._scaled, self._site = bench, scaled, scaled.site
        self._turns: Turns | None = None
        self.costs: dict[str, list[Costs]] = defaultdict(list)
        self.filtered_ms: list[float] = []

    async def round(self) -> None:
        """One round of everything."""
        await self._scaled.crew.sign_in()
        operations = {
            "F1": self._leads, "F4": self._events, "F5": self._moves, "KPI read": self._numbers,
            "list page": self._pages,
        }  # fmt: skip
        for name, operate in operations.items():
            await settled(self._site)
            self.costs[name].append(await operate())
        await self._filtered()

    def total(self, name: str) -> float:
        """CPU seconds per 1,000 operations, all processes together: the middle of the rounds."""
        return median(sum(cost.values()) for cost in self.costs[name])

    async def _leads(self) -> Costs:
        seconds = self._bench.pick(3.0, 0.2)
        return await self._loaded(Job(self._site.port, creating(self._scaled.crew.tokens), seconds))

    async def _loaded(self, job: Job) -> Costs:
        """What requests cost until all that they cause is applied."""
        meter = self._site.meter()
        seen = (await self._site.load(job)).all_good()
        await self._site.stack.quiet()
        return meter.per_1000(seen.sent)

    async def _events(self) -> Costs:
        count, stack = self._bench.pick(30_000, 300), self._site.stack
        tenant, people = self._scaled.crew.tenant.id, self._scaled.people
        rows = list(History(tenant, people=people, seed=len(self.costs["F4"])).events(count))
        async with stack.database("scoring") as connection:
            before = int(await connection.fetchval(OFFSETS, CONSUMER))

            async def applied() -> int:
                return int(await connection.fetchval(OFFSETS, CONSUMER)) - before

            with self._all_stopped() as worker:
                await publish(self._site.settings, rows)
                meter = self._site.meter()
                stack.resume(worker)
                await timed(applied, count, meter, worker)
                return meter.per_1000(count)

    @contextmanager
    def _all_stopped(self) -> Iterator[psutil.Process]:
        """Everybody who consumes is stopped; scoring's worker is given, to be resumed alone."""
        stack = self._site.stack
        stopped = [stack.pause(name) for name in _STOPPED]
        try:
            yield stopped[-1]
        finally:
            for process in stopped:
                stack.resume(process)

    async def _moves(self) -> Costs:
        if self._turns is None:
            crew = self._scaled.crew
            self._turns = Turns(crew, await owned(self._site, crew, self._bench.pick(400, 20)))
        trips = self._turns.trips(self._bench.pick(400, 20))
        meter = self._site.meter()
        await drive(Journeys(self._site.port, self._bench.pick(100.0, 20.0), trips))
        await self._site.stack.quiet()
        return meter.per_1000(len(trips))

    async def _numbers(self) -> Costs:
        token = await self._scaled.director()
        asked = [_question(metric, "rep", {}) for metric in _METRICS]
        requests = [request("GET", path, token=token) for path in asked]
        return await self._loaded(Job(self._site.port, [requests] * 2, count=self._bench.pick(400, 40)))

    async def _pages(self) -> Costs:
        requests = pages([await self._scaled.director()])
        return await self._loaded(Job(self._site.port, [requests] * 2, count=self._bench.pick(400, 40)))

    async def _filtered(self) -> None:
        token = await self._scaled.director()
        asked = [_question(m, by, f) for m, by, f in product(_METRICS, ("rep", "tenant"), _FILTERS)]
        requests = [request("GET", path, token=token) for path in asked]
        count = len(requests) * self._bench.pick(3, 1)
        seen = await self._site.load(Job(self._site.port, [requests], count=count))
        self.filtered_ms += seen.all_good().took_ms


def _question(metric: str, by: str, filters: dict[str, str]) -> str:
    """A metric of the last twelve months, month by month."""
    today = datetime.now(UTC).date()
    first = today - timedelta(days=330)
    query = {"metric": metric, "by": by, "grain": "month", "from": first, "to": today, **filters}
    return "/v1/kpis?" + urlencode({**query, "limit": 500})
