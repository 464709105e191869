"""R15: every process is restarted again and again while people work and listen."""

from __future__ import annotations

import asyncio
import signal
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from itertools import cycle
from random import Random

from tests.chaos import stored
from tests.chaos.checks import check_ledger, check_stream
from tests.chaos.company import Company, found_company
from tests.chaos.findings import note
from tests.chaos.listening import Listener
from tests.chaos.promise import Outcome, Run
from tests.chaos.stack import Stack
from tests.chaos.traffic import Traffic

NAME = "R15"
CLAIM = "restarts are invisible (50 rolling restarts at 200 requests/s and 500 live streams)"

TOLD = ("lead_created", "lead_assigned", "lead_updated", "stage_changed", "activity_recorded")
SETTLE_S = 0.5
CATCH_UP_S = 180.0
AT_ONCE = 200
"""The most requests that wait at a time: a machine that is too slow sends fewer, and says so."""

PATIENCE_S = 60.0
"""As long as clients wait by default at the most: a slow machine is no failed request."""
ORDER = (
    "leads-app-1", "gateway-app-1", "activities-app-1", "leads-worker-1", "scoring-app-1",
    "gateway-app-1", "scoring-worker-1", "activities-worker-1", "gateway-worker-1",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Form:
    """`companies` of people, each with so many listeners, all asking for `rate` a second together."""

    companies: int
    listeners: int
    rate: float
    restarts: int
    read_share: float = 0.7


SHORT = Form(companies=1, listeners=3, rate=20, restarts=2)
FULL = Form(companies=20, listeners=25, rate=200, restarts=50)


@dataclass
class Place:
    """A company with its people's requests and listeners."""

    company: Company
    traffic: Traffic
    listeners: list[Listener]


async def run(run: Run) -> Outcome:
    form = FULL if run.full else SHORT
    outcome = Outcome(NAME, run.seed, run.full)
    async with run.stack() as stack:
        places = []
        for number in range(0, form.companies, 4):
            several = range(number, min(number + 4, form.companies))
            places += await asyncio.gather(*(_founded(stack, form, f"{run.seed} {one}") for one in several))
        run.say(f"{form.companies * form.listeners} streams, {form.rate:.0f} requests a second")
        async with AsyncExitStack() as exits:
            for place in places:
                for listener in place.listeners:
                    await exits.enter_async_context(listener.listening())
            async with AsyncExitStack() as load:
                for place in places:
                    await load.enter_async_context(place.traffic.flowing())
                await _restart(stack, run, form.restarts, places, outcome)
            run.say("the load ends; waiting until everything is applied and told")
            await stack.quiet()
            await asyncio.gather(*(_told(stack, place) for place in places))
        await _check(stack, places, outcome)
    return outcome


async def _founded(stack: Stack, form: Form, seed: str) -> Place:
    company = await found_company(stack, teams=1, reps=1)
    rate = form.rate / form.companies
    traffic = Traffic(
        company, Random(seed), rate, read_share=form.read_share, patience_s=PATIENCE_S,
        at_once=max(AT_ONCE // form.companies, 1),
    )  # fmt: skip
    return Place(company, traffic, [Listener(company.admin) for _ in range(form.listeners)])


async def _restart(stack: Stack, run: Run, restarts: int, places: list[Place], outcome: Outcome) -> None:
    """One process after the other, as an ops person would: SIGTERM, and the next once all are ready."""
    await asyncio.sleep(SETTLE_S)
    names: Iterator[str] = cycle(ORDER)
    for _ in range(restarts):
        name = next(names)
        former, began = stack.process(name), time.monotonic()
        former.send_signal(signal.SIGTERM)
        await stack.replaced(name, former)
        await stack.ready()
        outcome.faults += 1
        outcome.recovery_s.append(time.monotonic() - began)
        answers = _answers(places)
        run.say(
            f"{outcome.faults}: {name} restarted in {outcome.recovery_s[-1]:.1f} s;"
            f" {_failed(answers)} of {answers.total()} requests failed so far"
        )
        await asyncio.sleep(SETTLE_S)


def _answers(places: list[Place]) -> Counter[str]:
    """How often which answer came so far, to changes and reads."""
    found: Counter[str] = Counter()
    for place in places:
        found.update(place.traffic.ledger.statuses)
        found.update(place.traffic.reads)
    return found


def _failed(answers: Counter[str]) -> int:
    return sum(n for status, n in answers.items() if not status.isdigit() or int(status) >= 500)


async def _told(stack: Stack, place: Place) -> None:
    """Until every listener heard all there is to hear, or the limit."""
    wanted = {row.event_id for row in await _events(stack, place)}
    await asyncio.gather(*(listener.caught_up(wanted, CATCH_UP_S) for listener in place.listeners))


async def _events(stack: Stack, place: Place) -> list[stored.Row]:
    tenant = place.company.tenant.id
    rows = [row for name in ("leads", "activities") for row in await stored.journal(stack, name, tenant)]
    return [row for row in rows if row.type.split(".")[2] in TOLD]


async def _check(stack: Stack, places: list[Place], outcome: Outcome) -> None:
    statuses = _answers(places)
    for place in places:
        ledger, told = place.traffic.ledger, [row.told for row in await _events(stack, place)]
        effects = await stored.effects(stack, place.company.tenant.id)
        note(outcome, check_ledger(ledger.entries.values(), effects))
        for listener in place.listeners:
            note(outcome, check_stream(told, listener.heard))
    listeners = [listener for place in places for listener in place.listeners]
    outcome.requests = statuses.total()
    outcome.figures |= {
        "failed_requests": _failed(statuses),
        "answers": " ".join(f"{status}:{n}" for status, n in sorted(statuses.items())),
        "not_sent_in_time": sum(place.traffic.late for place in places),
        "streams": len(listeners),
        "streams_resumed": sum(listener.resumed for listener in listeners),
        "streams_refused": sum(listener.refused for listener in listeners),
        "streams_cut": sum(listener.cut for listener in listeners),
        "streams_reset": sum(listener.resets for listener in listeners),
        "events_told": sum(len(listener.ids) for listener in listeners),
    }
    for figure in ("failed_requests", "streams_refused", "streams_cut", "streams_reset"):
        if outcome.figures[figure]:
            outcome.failures.append(f"{figure}: {outcome.figures[figure]}")
