"""S2: people of two companies ask every route, with ids that are theirs to see and with ids that are not."""

from __future__ import annotations

import asyncio
from uuid import UUID

from tests.chaos.hostile import inventory, pairs
from tests.chaos.hostile.asking import Asker
from tests.chaos.hostile.company import founded
from tests.chaos.hostile.operations import Document
from tests.chaos.hostile.probing import Probing
from tests.chaos.hostile.world import World
from tests.chaos.promise import Outcome, Run
from tests.chaos.stack import Stack

NAME = "S2"
CLAIM = "nobody reads or changes what belongs to another team or tenant"

PEOPLE = 500
PEOPLE_SHORT = 10
ACCESSES = 100
ACCESSES_SHORT = 12
MOST_SAID = 20


async def run(run: Run) -> Outcome:
    outcome = Outcome(NAME, run.seed, run.full)
    async with run.stack() as stack:
        world, tenants, chance = World(), list[UUID](), run.rng()
        async with Asker(stack.url) as asker:
            size = PEOPLE if run.full else PEOPLE_SHORT
            for part in (size * 3 // 4, size // 4):
                company = await founded(stack, asker, world, chance, part, 4 if run.full else 1)
                tenants.append(company.tenant.id)
            await inventory.take(stack, world, tenants)
            run.say(f"{len(world.people)} people, {len(world.things)} things")
            await _probed(run, stack, asker, world, tenants, outcome)
            outcome.requests = asker.requests
        await _paired(run, stack, world, tenants, outcome)
    return outcome


async def _probed(
    run: Run, stack: Stack, asker: Asker, world: World, tenants: list[UUID], outcome: Outcome
) -> None:
    document = Document((await asker.ask("GET", "/openapi.json")).json)
    probing = Probing(document, world, asker.ask, run.rng())
    before = await inventory.standing(stack, tenants)
    await asyncio.gather(*(probing.probe(person) for person in world.people.values()))
    changed = set(before) ^ set(await inventory.standing(stack, tenants))
    outcome.failures += [f"changed by somebody who may not even see it: {row}" for row in changed][:MOST_SAID]
    outcome.figures |= {
        "people": len(world.people), "routes": len(probing.operations), "leaks": len(probing.leaks),
        "shown": probing.seen, "refused": probing.refused,
    }  # fmt: skip
    outcome.failures += probing.leaks[:MOST_SAID] + probing.faults[:MOST_SAID]
    if not (probing.seen and probing.refused):
        outcome.failures.append("nothing was shown, or nothing refused: that proves nothing")


async def _paired(run: Run, stack: Stack, world: World, tenants: list[UUID], outcome: Outcome) -> None:
    compared = await pairs.compare(stack, world, tenants, run.rng(), ACCESSES if run.full else ACCESSES_SHORT)
    outcome.figures["pairs"] = compared.pairs
    outcome.failures += compared.differences[:MOST_SAID]
