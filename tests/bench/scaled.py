"""A copy that has been in use for long: leads and numbers by the power of ten, always the same people."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from uuid import UUID

from tests.bench import crowd, numbers
from tests.bench.site import Crew, Site, settled

REPS = 32
READY_S = 60.0


class Scaled:
    """A site with 10^power leads of one crew, which has a director too; `people` are its (rep, team) pairs.
    Ten times as many KPI events come when `numbers_too` asks for them.
    """

    _has_numbers = False

    def __init__(self, site: Site, crew: Crew, power: int, people: Sequence[tuple[UUID, UUID]]) -> None:
        self.site, self.crew, self.power, self.people = site, crew, power, people

    async def director(self) -> str:
        """A fresh access token of somebody who sees everything."""
        return await self.crew.token_of(f"director.{self.crew.tenant.id.hex[-12:]}@example.com")

    async def numbers_too(self, say: Callable[[str], None]) -> None:
        """Load the KPI events, once."""
        if self._has_numbers:
            return
        say(f"10^{self.power + 1} KPI events")
        async with self.site.stack.database("scoring") as connection:
            await numbers.load(connection, self.crew.tenant.id, self.people, 10 ** (self.power + 1))
        self._has_numbers = True


async def scaled(site: Site, power: int, reps: int, say: Callable[[str], None]) -> Scaled:
    """Load the leads into a site that is new."""
    crew = await site.crew("scaled", reps)
    await crew.tenant.hire("director", role="director")
    await settled(site)
    await _define(site, crew)
    owners = await _owners(site, crew)
    say(f"10^{power} leads")
    async with site.stack.database("leads") as connection:
        pipeline = await connection.fetchval(
            "select id from pipelines where tenant_id = $1 and is_default", crew.tenant.id
        )
        await crowd.load(connection, crowd.People(crew.tenant.id, pipeline, owners), 10**power)
    return Scaled(site, crew, power, owners)


async def _define(site: Site, crew: Crew) -> None:
    """The custom fields of the leads that come; ready before these come."""
    for field in crowd.FIELDS:
        await crew.tenant.admin.post("/v1/custom-fields", field)
    async with asyncio.timeout(READY_S):
        while not await _all_ready(crew):  # noqa: ASYNC110 - they are looked through by timers
            await asyncio.sleep(0.2)


async def _all_ready(crew: Crew) -> bool:
    fields = (await crew.tenant.admin.get("/v1/custom-fields"))["items"]
    return all(field["state"] == "ready" for field in fields)


async def _owners(site: Site, crew: Crew) -> list[tuple[UUID, UUID]]:
    async with site.stack.database("leads") as connection:
        rows = await connection.fetch(
            "select id, unit_id from org_users where tenant_id = $1 and is_rep order by id", crew.tenant.id
        )
    return [(row["id"], row["unit_id"]) for row in rows]
