"""The copy that is measured: its processes, its people, and the corner of its servers where limits work."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import asyncpg
import psutil

from shared.settings import Settings
from tests.bench.load import Job, Seen, drive
from tests.bench.measure import Meter, pss_mib
from tests.chaos.stack import Stack, running_stack
from tests.support.speaking import Person, Tenant

LIMITS_DATABASE = "bench_limits"
TEAMS = 4


class Site:
    """A running copy. Numbers in requests are never the same twice on it."""

    def __init__(self, stack: Stack) -> None:
        self.stack = stack
        self.numbers = 0
        self._crews: dict[str, Crew] = {}

    @property
    def settings(self) -> Settings:
        return self.stack.settings

    @property
    def port(self) -> int:
        """The gateway's."""
        return self.stack.copy.port

    def processes(self) -> Mapping[str, psutil.Process]:
        """Every process of the copy by its name, but for the launcher: the others are its children."""
        return {name: one for name, one in self.stack.copy.processes().items() if name != "launcher"}

    def meter(self, **more: psutil.Process) -> Meter:
        """Of every process of the copy, and of `more`."""
        return Meter({**self.processes(), **more})

    def memory(self) -> dict[str, float]:
        """PSS in MiB of every process, the launcher's own too."""
        launcher = self.stack.copy.processes()["launcher"].memory_full_info().pss / 2**20
        return {**pss_mib(self.processes()), "launcher": launcher}

    async def crew(self, name: str, size: int) -> Crew:
        """A tenant with so many signed-in reps; the same one for the same name, signed in anew."""
        if name not in self._crews:
            self._crews[name] = await hired(self.stack, size)
        else:
            await self._crews[name].sign_in()
        return self._crews[name]

    async def load(self, job: Job) -> Seen:
        """Do a job whose numbers go on where the last one's ended."""
        numbered = Job(job.port, job.clients, job.seconds, job.count, self.numbers, job.digits)
        seen = await drive(numbered)
        self.numbers += seen.sent
        return seen

    @asynccontextmanager
    async def limits(self) -> AsyncIterator[asyncpg.Connection[asyncpg.Record]]:
        """The limits' database on the copy's server, empty of everything that a limit left there."""
        url = self.settings.postgres_url.get_secret_value()
        root = await asyncpg.connect(url)
        try:
            await root.execute(f'drop database if exists "{LIMITS_DATABASE}" with (force)')
            await root.execute(f'create database "{LIMITS_DATABASE}"')
            connection = await asyncpg.connect(self.limits_url)
            try:
                yield connection
            finally:
                await connection.close()
                await root.execute(f'drop database "{LIMITS_DATABASE}" with (force)')
        finally:
            await root.close()

    @property
    def limits_url(self) -> str:
        parts = urlsplit(self.settings.postgres_url.get_secret_value())
        return urlunsplit(parts._replace(path=f"/{LIMITS_DATABASE}"))

    async def pending(self, service: str) -> int:
        """Events of a service that are not on Kafka yet."""
        async with self.stack.database(service) as connection:
            return int(await connection.fetchval("select count(*) from outbox_pending"))


class Crew:
    """A tenant's reps, signed in; spread over them no limit is reached."""

    def __init__(self, tenant: Tenant, emails: list[str]) -> None:
        self.tenant = tenant
        self._emails = emails
        self.people: list[Person] = []

    async def sign_in(self) -> None:
        """Anew: access tokens live for minutes."""
        url = self.tenant.admin.url
        self.people = [Person(url) for _ in self._emails]
        await self.tenant.admin.sign_in(self.tenant.email)
        for person, email in zip(self.people, self._emails, strict=True):
            await person.sign_in(email)

    async def token_of(self, email: str) -> str:
        """Of somebody else of the tenant, freshly signed in."""
        person = Person(self.tenant.admin.url)
        await person.sign_in(email)
        assert person.token is not None
        return person.token

    @property
    def tokens(self) -> list[str]:
        return [person.token for person in self.people if person.token is not None]

    def turns(self) -> Iterator[str]:
        """Tokens in turn, without end."""
        return itertools.cycle(self.tokens)


async def hired(stack: Stack, size: int) -> Crew:
    """A new tenant with so many reps in a few teams."""
    tenant = await stack.new_tenant()
    for number in range(TEAMS):
        await tenant.team(f"team{number}")
    people = [await tenant.hire(f"rep{number}", f"team{number % TEAMS}") for number in range(size)]
    crew = Crew(tenant, [f"rep{number}.{tenant.id.hex[-12:]}@example.com" for number in range(size)])
    crew.people = people
    # What made them must have come everywhere before anybody is measured.
    await stack.quiet()
    return crew


@asynccontextmanager
async def running_site(home: Path, **settings: str) -> AsyncIterator[Site]:
    """A copy of its own in `home`, ready; stopped at the end."""
    async with running_stack(home, settings=settings) as stack:
        yield Site(stack)


async def settled(site: Site, pause_s: float = 0.3) -> None:
    """Everything applied everywhere, and a moment for what servers still write."""
    await site.stack.quiet()
    await asyncio.sleep(pause_s)


async def share_out(crew: Crew) -> None:
    """From now on new leads go to the reps in turn."""
    users = list(crew.tenant.people.values())[: len(crew.people)]
    await crew.tenant.admin.post(
        "/v1/assignment-rules",
        {"name": "turns", "strategy": "round_robin", "candidates": {"user_ids": users}},
    )
