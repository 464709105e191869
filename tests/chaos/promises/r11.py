"""Kafka is lost with all it held: the journals fill it again, and nobody acts twice."""

from __future__ import annotations

import shutil
from random import Random

from deploy.local.home import Home
from shared.events.streams import STREAMS
from tests.chaos.company import Company, found_company
from tests.chaos.life import Life, living
from tests.chaos.promise import Outcome, Run
from tests.chaos.stack import running_stack
from tests.chaos.thelog import wipe
from tests.chaos.traffic import Traffic

NAME = "R11"
CLAIM = "Kafka can be wiped and filled again from the journals: every number is the same"


async def run(run: Run) -> Outcome:
    return await _lost_disk(run) if run.full else await _lost_topics(run)


async def _lost_topics(run: Run) -> Outcome:
    """All topics lose what they hold while everything runs."""
    async with living(run, rate=40) as life:
        await life.lived(60)
        await life.healed()
        await wipe(life.stack.settings, STREAMS)
        life.struck("topics wiped")
        await _filled_again(life)
    return life.outcome


async def _lost_disk(run: Run) -> Outcome:
    """The data folder of Kafka is removed, groups and all."""
    home = run.folder / "lost disk"
    outcome, chance = Outcome(run.name, run.seed, run.full), Random(f"{run.seed} users")
    async with running_stack(home) as stack:
        company = await found_company(stack)
        life = Life(run, stack, company, Traffic(company, chance, 150), outcome)
        await life.lived(3_000)
        await life.healed()
    shutil.rmtree(Home(stack.copy.home).kafka)
    life.struck("Kafka's disk lost")
    async with running_stack(home) as stack:
        life.stack = stack
        _moved(company, stack.url)
        await _filled_again(life)
    return outcome


def _moved(company: Company, url: str) -> None:
    """The copy has another port now."""
    company.tenant.admin.url = url
    for user in (company.admin, *company.reps):
        user.url = url


async def _filled_again(life: Life) -> None:
    await life.stack.command("events", "republish")
    life.run.say("republished")
    await life.lived(60)
    await life.healed()
    await life.check()
