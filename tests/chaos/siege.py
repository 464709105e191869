"""The common course of a promise: a company under load, faults, then healing, quiet, and every check."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from random import Random

import aiohttp

from tests.chaos import faults, stored
from tests.chaos.company import Company, found_company
from tests.chaos.findings import note
from tests.chaos.ledger import Verdict
from tests.chaos.listening import Listener
from tests.chaos.promise import Outcome, Run
from tests.chaos.proxy import Wire
from tests.chaos.stack import Stack
from tests.chaos.traffic import Traffic
from tests.chaos.verify import check_everything, counts

_GRAINS = ("day", "week", "month", "quarter", "year")
_LISTENER_LIMIT_S = 120.0


@dataclass
class Siege:
    """What a promise's faults work on. `chance` is the faults' own."""

    run: Run
    stack: Stack
    company: Company
    traffic: Traffic
    outcome: Outcome
    chance: Random
    session: aiohttp.ClientSession
    began: float

    @property
    def wires(self) -> list[Wire]:
        """What PostgreSQL and Kafka are reached by, where that can be made slow and cut."""
        return self.stack.servers.wires if self.stack.servers else []

    @property
    def minutes_gone(self) -> float:
        """Minutes of load so far."""
        return (time.monotonic() - self.began) / 60

    async def recovered(self) -> None:
        """Wait until a new lead shows in the KPIs again, and note how long it took."""
        self.outcome.recovery_s.append(await faults.works_again(self.company, self.session))

    def struck(self, text: str) -> None:
        """One more fault."""
        self.outcome.faults += 1
        ledger = self.traffic.ledger
        self.run.say(f"{self.outcome.faults}: {text} ({ledger.requests} requests, {dict(ledger.statuses)})")


Inject = Callable[[Siege], Awaitable[None]]


async def withstand(
    run: Run, *, rate: float, inject: Inject, scale: str | None = None, slow_wires: bool = False
) -> Outcome:
    """Load of `rate` changes a second while `inject` does harm; afterwards everything is checked.

    `scale` and `slow_wires` say what the copy must have.
    """
    outcome = Outcome(run.name, run.seed, run.full)
    async with AsyncExitStack() as exits:
        stack = await exits.enter_async_context(run.stack(scale=scale, slow_wires=slow_wires))
        company = await found_company(stack)
        # Chance of its own for users and faults: one more request must not change the next fault.
        traffic = Traffic(company, Random(f"{run.seed} users"), rate)
        timeout = aiohttp.ClientTimeout(total=30, sock_connect=5)
        session = await exits.enter_async_context(aiohttp.ClientSession(timeout=timeout))
        siege = Siege(
            run, stack, company, traffic, outcome, Random(f"{run.seed} faults"), session, time.monotonic()
        )
        listener = Listener(company.admin)
        await exits.enter_async_context(listener.listening())
        run.say(f"{len(company.reps)} reps and their admin ask for {rate:.0f} changes a second")
        async with traffic.flowing():
            await inject(siege)
        load_s = time.monotonic() - siege.began
        await _settle(siege, listener)
        findings = await check_everything(
            stack, company, traffic.ledger, heard=[listener.heard],
            grains=_GRAINS if run.full else ("day", "month"), figures=outcome.figures,
        )  # fmt: skip
        note(outcome, findings)
        _summarise(outcome, traffic, listener, load_s)
    return outcome


async def _settle(siege: Siege, listener: Listener) -> None:
    """Heal, then wait by positions until nothing is under way."""
    siege.run.say("the load ends; waiting until everything is published and applied")
    ready_s = await siege.stack.ready()
    siege.outcome.figures["quiet_after_s"] = round(ready_s + await siege.stack.quiet(), 1)
    siege.run.say("quiet; checking")
    tenant = siege.company.tenant.id
    wanted = {
        row.event_id
        for service in ("leads", "activities")
        for row in await stored.journal(siege.stack, service, tenant)
        if counts(row)
    }
    await listener.caught_up(wanted, _LISTENER_LIMIT_S)


def _summarise(outcome: Outcome, traffic: Traffic, listener: Listener, load_s: float) -> None:
    ledger = traffic.ledger
    outcome.requests = ledger.requests
    outcome.figures |= {
        "load_s": round(load_s, 1),
        "writes_per_s": round(ledger.requests / load_s, 1),
        "writes_skipped": traffic.late,
        **{verdict.value: ledger.count(verdict) for verdict in Verdict},
        "streams_resumed": listener.resumed,
        "streams_reset": listener.resets,
    }
