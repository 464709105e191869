"""S1: schemathesis against every service through the gateway, all phases, stateful included."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Callable, Collection
from itertools import count

from services.gateway.door.dispatcher import OWN_PREFIXES
from services.gateway.proxy.rules import PREFIXES, SERVICES
from tests.chaos.promise import Outcome, Run
from tests.chaos.stack import Stack
from tests.support.schemas import Held, hold

NAME = "S1"
CLAIM = "never a 5xx on input, and no answer that the document does not name"

CASES = 20_000
EXAMPLES = 60
"""Per operation, phase and round; the coverage phase has as many as there are edges."""
EXAMPLES_SHORT = 100
STEPS_SHORT = (
    frozenset({"leads", "pools", "assignment-rules"}),
    frozenset({"views", "classification-rules"}),
)
"""The short form asks these only, some at a time: among all of a service's operations few steps would lead
anywhere.
"""
ROUND_LIMIT_S = 3000
AT_ONCE = {"activities": 6}
"""Rounds of one service; else one. A lead that it does not know, as most of what is sent, it waits for."""

Paths = Callable[[str], bool]


def paths_of(service: str) -> Paths:
    """The paths that a service answers. A live stream has no end: hostile values reach it in S6."""

    def chosen(path: str) -> bool:
        prefix = path.split("/")[2]
        if service == "gateway":
            return prefix in OWN_PREFIXES - {"auth"} and not path.endswith("/stream")
        return PREFIXES.get(prefix) == service

    return chosen


def of_rooms(rooms: Collection[str]) -> Paths:
    return lambda path: path.split("/")[2] in rooms


def of_signing_in(path: str) -> bool:
    """What only a person may ask, with a session: the others are asked with an API key, which has no end."""
    return path.startswith("/v1/auth/")


async def run(run: Run) -> Outcome:
    outcome = Outcome(NAME, run.seed, run.full)
    async with run.stack() as stack:
        if run.full:
            await _signing_in(run, stack, outcome)
            # Whoever sends is busier than whoever answers.
            turns = asyncio.Semaphore(2)
            services = ("gateway", *SERVICES)
            await asyncio.gather(*(_service(run, stack, service, outcome, turns) for service in services))
        else:
            await _short(run, stack, outcome)
    if not outcome.figures["links_followed"]:
        outcome.failures.append("no step from one operation to another was taken")
    return outcome


async def _short(run: Run, stack: Stack, outcome: Outcome) -> None:
    """Steps from one operation to the next; the tests of each service do the rest."""
    key = await key_of(stack)
    for rooms in STEPS_SHORT:
        await _held(stack, key, "leads", outcome, of_rooms(rooms), EXAMPLES_SHORT, run.seed, "stateful")


async def _signing_in(run: Run, stack: Stack, outcome: Outcome) -> None:
    tenant = await stack.new_tenant()
    person = await tenant.hire("Fuzzed", role="director")
    assert person.token is not None
    await _held(stack, person.token, "signing in", outcome, of_signing_in, 20, run.seed)


async def _service(run: Run, stack: Stack, service: str, outcome: Outcome, turns: asyncio.Semaphore) -> None:
    async with turns:
        outcome.figures[f"{service}_cases"] = await _cases(run, stack, service, outcome)


async def _cases(run: Run, stack: Stack, service: str, outcome: Outcome) -> int:
    """Send as many as there are to be; how many it were."""
    cases, seeds = 0, count(run.seed)
    limit_s = math.inf if run.minutes is None else run.minutes * 60 / (len(SERVICES) + 1) * 2
    began = time.monotonic()

    async def rounds() -> None:
        nonlocal cases
        while cases < CASES and not outcome.failures and time.monotonic() - began < limit_s:
            # Each time another tenant: what is sent may take the caller's own key or rights away.
            key = await key_of(stack)
            held = await _held(stack, key, service, outcome, paths_of(service), EXAMPLES, next(seeds))
            cases += held.cases
            run.say(f"{service}: {cases} cases")

    await asyncio.gather(*(rounds() for _ in range(AT_ONCE.get(service, 1))))
    return cases


async def key_of(stack: Stack) -> str:
    """An admin's API key of a new tenant."""
    tenant = await stack.new_tenant()
    made = await tenant.admin.post("/v1/api-keys", {"name": "schemathesis", "scopes": ["admin"]})
    # A service that has not heard of it yet says that it cannot answer, which is no matter of the input.
    await stack.quiet()
    return str(made["key"])


async def _held(
    stack: Stack, token: str, what: str, outcome: Outcome, only: Paths, examples: int, seed: int,
    phases: str = "coverage,fuzzing,stateful",
) -> Held:  # fmt: skip
    held = await asyncio.to_thread(
        hold, stack.url, token, examples=examples, seed=seed, phases=phases, timeout_s=ROUND_LIMIT_S,
        only=only,
    )  # fmt: skip
    outcome.requests += held.cases
    steps = int(outcome.figures.get("links_followed", 0))
    outcome.figures["links_followed"] = steps + held.steps
    if held.said is not None:
        outcome.failures.append(f"{what}, seed {seed}: {held.said}")
    if held.locked and what != "signing in":
        outcome.failures.append(f"{what}: only ever refused, so never reached: {', '.join(held.locked)}")
    return held
