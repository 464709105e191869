"""Events that nobody can read: each is set aside once, and stops nobody but those that follow it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from random import Random
from uuid import UUID

from shared.events.envelope import Received
from tests.chaos.company import TIMEZONE
from tests.chaos.faults import kill_and_wait
from tests.chaos.findings import note
from tests.chaos.numbers import check_numbers
from tests.chaos.past import company_of_the_past, load, told
from tests.chaos.poison import (
    Letters,
    Spoilt,
    mend,
    mend_journal,
    open_letters,
    passed,
    resolve,
    spoil,
    waiting,
)
from tests.chaos.problems import problems
from tests.chaos.promise import Outcome, Run
from tests.chaos.quiet import unfinished
from tests.chaos.stack import Stack, until
from tests.integration.services.scoring.world import World
from tests.support.recompute import facts_of
from tests.support.speaking import Tenant

NAME = "R12"
CLAIM = (
    "an unreadable event is set aside once and keeps nobody else waiting; a flood of them stops and says so"
)

SERVICES = ("leads", "activities", "scoring")
SHARE = 0.01
DISCARDED = 0.1
FLOOD_SHARE = 0.6
GRAINS = ("month",)
LIMIT_S = 600.0


@dataclass(frozen=True, slots=True)
class Form:
    """So many events, and so many in the flood afterwards."""

    events: int
    flood: int


SHORT = Form(events=600, flood=400)
FULL = Form(events=100_000, flood=2_000)


@dataclass
class Scene:
    """A copy, a company in it, and all that was told of its past so far."""

    stack: Stack
    tenant: Tenant
    world: World
    events: list[Received]
    chance: Random
    outcome: Outcome
    spoilt: list[Spoilt] = field(default_factory=list)

    async def tell(self, count: int, share: float) -> Spoilt:
        """So many more events, of which a share cannot be read."""
        new = [event for chunk in told(self.world, count, self.chance) for event in chunk]
        spoilt = spoil(new, share, self.chance)
        await load(self.stack, new, spoilt.payloads)
        self.events += new
        self.spoilt.append(spoilt)
        self.outcome.faults += len(spoilt.events)
        return spoilt

    async def letters(self) -> Letters:
        found: Letters = set()
        for service in SERVICES:
            async with self.stack.database(service) as connection:
                found |= await open_letters(connection, self.world.tenant)
        return found

    async def check_letters(self, spoilt: Spoilt) -> None:
        found, due = await self.letters(), spoilt.letters()
        self.outcome.figures["dead_letters"] = len(found)
        for what, wrong in (("were not set aside", due - found), ("were set aside for nothing", found - due)):
            if wrong:
                self.outcome.mismatches += len(wrong)
                self.outcome.failures.append(f"{len(wrong)} events {what}, such as {min(wrong)}")

    async def check_numbers(self, applied: Sequence[Received]) -> None:
        await self.tenant.admin.sign_in(self.tenant.email)
        note(self.outcome, await check_numbers(self.tenant.admin, facts_of(applied, TIMEZONE), GRAINS))

    async def deal_with(self, spoilt: Spoilt, discarded: set[UUID]) -> dict[str, int]:
        """Repair the cause, ask for every letter, and wait until nothing waits any more."""
        asked: dict[str, int] = {}
        for service in SERVICES:
            async with self.stack.database(service) as connection:
                await mend(connection, spoilt.truth())
                for wish, count in (await resolve(connection, self.world.tenant, discarded)).items():
                    asked[wish] = asked.get(wish, 0) + count
        await until(self._nothing_waits, "every dead letter is dealt with", LIMIT_S)
        return asked

    async def _nothing_waits(self) -> bool:
        for service in SERVICES:
            async with self.stack.database(service) as connection:
                if await waiting(connection, self.world.tenant):
                    return False
        return True


async def run(run: Run) -> Outcome:
    form = FULL if run.full else SHORT
    outcome = Outcome(NAME, run.seed, run.full, requests=form.events + form.flood)
    async with run.stack() as stack:
        tenant, world = await company_of_the_past(stack)
        scene = Scene(stack, tenant, world, [], run.rng(), outcome)
        passed_over = await _poisoned(scene, form, run)
        await _flooded(scene, form, run, passed_over)
    return outcome


async def _poisoned(scene: Scene, form: Form, run: Run) -> list[Received]:
    """One in a hundred cannot be read; the events that were passed over in the end."""
    spoilt = await scene.tell(form.events, SHARE)
    await scene.stack.quiet()
    run.say("all is applied but what was set aside and what waits behind it")
    await scene.check_letters(spoilt)
    await scene.check_numbers(passed(scene.events, spoilt.events.values()))
    # One of a lead's whole story, or the numbers of what follows it could not be told.
    discarded = set(sorted(spoilt.events)[: round(DISCARDED * len(spoilt.events))])
    asked = await scene.deal_with(spoilt, discarded)
    scene.outcome.figures |= {"events": form.events, "unreadable": len(spoilt.events), **asked}
    run.say(f"dealt with: {asked}")
    passed_over = [spoilt.events[event_id] for event_id in discarded]
    await scene.check_numbers(_without(scene.events, passed_over))
    return passed_over


def _without(events: Sequence[Received], passed_over: Sequence[Received]) -> list[Received]:
    gone = {event.event_id for event in passed_over}
    return [event for event in events if event.event_id not in gone]


async def _flooded(scene: Scene, form: Form, run: Run, passed_over: Sequence[Received]) -> None:
    """More than half cannot be read: who reads them stops, says so, and goes on when told to."""
    spoilt = await scene.tell(form.flood, FLOOD_SHARE)
    stopped: set[str] = set()
    stops = await _until_through(scene.stack, stopped)
    run.say(f"stopped {stops} times: {sorted(stopped)}")
    if not {"scoring", "activities"} <= {name.split("-")[0] for name in stopped}:
        scene.outcome.failures.append(f"a flood of unreadable events stopped only {sorted(stopped)}")
    await scene.check_letters(spoilt)
    await scene.deal_with(spoilt, set())
    await _cleaned(scene)
    scene.outcome.figures |= {"flood": len(spoilt.events), "stops": stops}
    await scene.check_numbers(_without(scene.events, passed_over))


async def _cleaned(scene: Scene) -> None:
    """Journals and topics as they should have been: who builds anew from them meets nothing unreadable."""
    truth = {each: value for spoilt in scene.spoilt for each, value in spoilt.truth().items()}
    for service in ("leads", "activities"):
        async with scene.stack.database(service) as connection:
            await mend_journal(connection, truth)
    await scene.stack.command("events", "republish")
    await scene.stack.ready()
    await scene.stack.quiet()


async def _until_through(stack: Stack, stopped: set[str]) -> int:
    """Restart each worker that says it stopped, as it asks for; how often, until all is read."""
    stops = 0

    async def through() -> bool:
        nonlocal stops
        # First what is done, then who says what: a reader stops after it has read.
        done = not await unfinished(stack.settings)
        found = await problems(stack)
        said = [name for name, told in found.items() if any("are dead letters" in each for each in told)]
        for name in said:
            stopped.add(name)
            stops += 1
            await kill_and_wait(stack, name)
        return done and not found

    await until(through, "the flood is read", LIMIT_S, pause_s=0.2)
    return stops
