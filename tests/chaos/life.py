"""A company whose users come and go: load in phases, quiet between them, one ledger over all of it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from random import Random

from tests.chaos.company import Company, found_company
from tests.chaos.findings import note
from tests.chaos.ledger import Ledger
from tests.chaos.promise import Outcome, Run
from tests.chaos.stack import Stack, until
from tests.chaos.traffic import Traffic
from tests.chaos.verify import check_everything

_LIMIT_S = 300.0
_GRAINS = ("day", "month")


@dataclass
class Life:
    """What a promise's course works on."""

    run: Run
    stack: Stack
    company: Company
    traffic: Traffic
    outcome: Outcome

    @asynccontextmanager
    async def going_on(self) -> AsyncIterator[None]:
        """Load while the block runs; what it must have done by the end is asked for by `requests`."""
        async with self.traffic.flowing():
            yield

    async def requests(self, more: int) -> None:
        """Wait until so many more requests were answered; inside `going_on`."""
        wanted = self.traffic.ledger.requests + more

        async def so() -> bool:
            return self.traffic.ledger.requests >= wanted

        await until(so, f"{more} more requests", _LIMIT_S)

    async def lived(self, more: int) -> None:
        """So many requests, then no load."""
        async with self.going_on():
            await self.requests(more)

    async def published(self, *services: str) -> None:
        """Wait until these services have nothing to publish."""

        async def so() -> bool:
            for service in services:
                async with self.stack.database(service) as connection:
                    if await connection.fetchval("select exists (select from outbox_pending)"):
                        return False
            return True

        await until(so, f"{services} have published all", _LIMIT_S)

    async def healed(self) -> None:
        """Wait until all is ready and quiet, and note how long it took."""
        self.outcome.recovery_s.append(await self.stack.ready() + await self.stack.quiet())

    async def check(self, *, ledger: bool = True) -> None:
        """Everything stored against everything; without the ledger where a restore took its writes back."""
        kept = self.traffic.ledger if ledger else Ledger()
        findings = await check_everything(
            self.stack, self.company, kept, grains=_GRAINS, figures=self.outcome.figures
        )
        note(self.outcome, findings)
        self.outcome.requests = self.traffic.ledger.requests

    def struck(self, text: str) -> None:
        """One more fault."""
        self.outcome.faults += 1
        self.run.say(f"{self.outcome.faults}: {text} ({self.traffic.ledger.requests} requests)")


@asynccontextmanager
async def living(run: Run, *, rate: float, scale: str | None = None) -> AsyncIterator[Life]:
    """A copy with a company in it, whose users ask for `rate` changes a second while they are there."""
    async with run.stack(scale=scale) as stack:
        company = await found_company(stack)
        traffic = Traffic(company, Random(f"{run.seed} users"), rate)
        yield Life(run, stack, company, traffic, Outcome(run.name, run.seed, run.full))
