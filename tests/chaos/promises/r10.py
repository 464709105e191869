"""Every KPI again from the log, after the tables were emptied, while the company goes on working."""

from __future__ import annotations

import asyncio
import json
import time
from typing import Any

from tests.chaos.company import TIMEZONE
from tests.chaos.findings import note
from tests.chaos.life import Life, living
from tests.chaos.numbers import check_numbers
from tests.chaos.past import company_of_the_past, load, told
from tests.chaos.promise import Outcome, Run
from tests.chaos.stack import Stack
from tests.support.recompute import Fact, facts_of
from tests.support.speaking import Tenant

NAME = "R10"
CLAIM = "emptied KPI tables are rebuilt from the log while events go on, and every number is the same"

GRAINS = ("month",)
LOADED_LIMIT_S = 2400.0
REBUILD_LIMIT_S = 1800.0
_EMPTY = "truncate states, facts, cells"


async def run(run: Run) -> Outcome:
    rate, requests, events = (100, 500, 1_000_000) if run.full else (40, 20, 2_000)
    async with living(run, rate=rate) as life:
        await life.lived(requests)
        tenant, facts = await _past(life, events)
        run.say(f"{events} events of the past are recorded; waiting until they are applied")
        await life.stack.quiet(LOADED_LIMIT_S)
        async with life.stack.database("scoring") as connection:
            await connection.execute(_EMPTY)
        life.struck("KPI tables emptied")
        emptied, again = await _rebuilt(life), await _rebuilt(life)
        _judge(emptied["differences"], again["differences"], life.outcome)
        await life.healed()
        await _check(life, tenant, facts)
        life.outcome.figures |= {"events_rebuilt": emptied["events"], "rebuild_s": emptied["seconds"]}
    return life.outcome


def _judge(emptied: dict[str, int] | None, again: dict[str, int] | None, outcome: Outcome) -> None:
    """The first rebuild had nothing to compare with; the second one found nothing that differs."""
    if emptied is not None:
        outcome.failures.append(f"it compared with emptied tables: {emptied}")
    if again is None:
        outcome.failures.append("what the first rebuild made was taken for emptied tables by the second")
    elif any(again.values()):
        outcome.mismatches += sum(again.values())
        outcome.failures.append(f"the second rebuild found differences: {again}")


async def _past(life: Life, events: int) -> tuple[Tenant, list[Fact]]:
    """Record a company's past; the facts that follow from it."""
    tenant, world = await company_of_the_past(life.stack)
    facts: list[Fact] = []
    for chunk in told(world, events, life.run.rng()):
        await load(life.stack, chunk)
        facts += facts_of(chunk, TIMEZONE)
    return tenant, facts


async def _rebuilt(life: Life) -> dict[str, Any]:
    """Rebuild under load; what the command says of it."""
    async with life.going_on():
        began = time.monotonic()
        said = await _command(life.stack, "rebuild", "scoring", "--json")
        life.run.say(f"rebuilt in {time.monotonic() - began:.1f} s: {said}")
    found: dict[str, Any] = json.loads(said.splitlines()[-1])
    return found


async def _command(stack: Stack, *words: str) -> str:
    """As `stack.command`, with more time."""
    process = await asyncio.create_subprocess_exec(
        *stack.copy.command(*words), env=stack.copy.environment, stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL,
    )  # fmt: skip
    told, _ = await asyncio.wait_for(process.communicate(), REBUILD_LIMIT_S)
    return told.decode()


async def _check(life: Life, tenant: Tenant, facts: list[Fact]) -> None:
    await life.check()
    await tenant.admin.sign_in(tenant.email)
    note(life.outcome, await check_numbers(tenant.admin, facts, GRAINS))
