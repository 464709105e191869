"""S7: people are forgotten: of a thousand who were erased no word is left anywhere, and numbers stay."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from tests.chaos.hostile.asking import Asker
from tests.chaos.hostile.persons import Crowd
from tests.chaos.hostile.remains import everywhere, planted
from tests.chaos.promise import Outcome, Run
from tests.chaos.stack import Stack
from tests.support.speaking import NOWADAYS, Tenant

NAME = "S7"
CLAIM = "of erased people nothing is left in databases, topics, dead letters and logs, and numbers stay"

PEOPLE = 1_000
PEOPLE_SHORT = 12
METRICS = ("leads_created", "leads_assigned", "deals_won", "deals_lost", "won_revenue", "calls")


@dataclass
class _Erasing:
    run: Run
    stack: Stack
    tenant: Tenant
    crowd: Crowd
    outcome: Outcome

    async def known(self) -> None:
        """They stand in many places first; never in what is published or logged."""
        found = await everywhere(self.stack, self.crowd.words)
        self.outcome.figures["tables_with_them_before"] = sum(":public." in place for place in found)
        if not {"leads:public.leads", "activities:public.activities"} <= set(found):
            self.outcome.failures.append(f"they were hardly known: {sorted(found)}")
        self._note({place: n for place, n in found.items() if place.startswith(("topic:", "log:"))}, "before")

    async def forgotten(self) -> None:
        """Nothing of them stands anywhere."""
        found = await everywhere(self.stack, self.crowd.words)
        self.outcome.figures["left"] = sum(found.values())
        self._note(found, "after")

    def _note(self, found: dict[str, int], when: str) -> None:
        self.outcome.mismatches += sum(found.values())
        self.outcome.failures += [
            f"{count} in {place} {when} they were erased" for place, count in found.items()
        ]

    async def would_be_found(self) -> None:
        """A leftover in a place that nobody knows of is reported: otherwise all of this proves nothing."""
        async with planted(self.stack, self.crowd.name(1)) as places:
            found = set(await everywhere(self.stack, self.crowd.words))
        self.outcome.figures["planted_and_found"] = len(places & found)
        self.outcome.failures += [f"what was planted in {place} was not found" for place in places - found]

    async def numbers(self) -> dict[str, Any]:
        """What KPIs say of the tenant."""
        told = {}
        for metric in METRICS:
            asked = {"metric": metric, "by": "tenant", "grain": "month", **NOWADAYS}
            page = await self.tenant.admin.get("/v1/kpis", **asked)
            told[metric] = [(one["period_start"], one["value"]) for one in page["items"]]
        return told


async def run(run: Run) -> Outcome:
    """Make people known, erase them, and look everywhere."""
    outcome = Outcome(NAME, run.seed, run.full)
    size = PEOPLE if run.full else PEOPLE_SHORT
    async with run.stack() as stack, Asker(stack.url) as asker:
        tenant = await stack.new_tenant()
        await tenant.team("forgetting")
        for name in ("One", "Two"):
            await tenant.hire(name, "forgetting")
        await stack.quiet()
        assert tenant.admin.token is not None
        crowd = Crowd(asker, tenant, tenant.admin.token, list(tenant.people.values()), size)
        erasing = _Erasing(run, stack, tenant, crowd, outcome)
        run.say(f"{size} people become known")
        await crowd.come()
        await stack.quiet()
        await crowd.live()
        await stack.quiet()
        before = await erasing.numbers()
        await erasing.known()
        run.say("they are erased")
        await crowd.erased()
        await stack.quiet()
        await erasing.forgotten()
        if await erasing.numbers() != before:
            outcome.mismatches += 1
            outcome.failures.append(f"numbers are others now: {await erasing.numbers()}, before {before}")
        await erasing.would_be_found()
        outcome.requests = asker.requests
        outcome.figures["people"] = size
    return outcome
