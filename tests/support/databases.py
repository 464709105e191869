"""Databases for tests: one template per service made by the real migrations, cloned for each test file.

Nothing is rolled back between tests, since relays and consumers need commits: a test works in a tenant of its
own, or empties the database with `truncate`.
"""

from __future__ import annotations

import asyncio
import fcntl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import asyncpg

from shared.settings import Settings
from tests.support.pair import Pair

_KEPT_TABLES = frozenset({"alembic_version"})


def own_settings(pair: Pair, unique: str) -> Settings:
    """Settings whose databases and topics carry this word and so are nobody else's."""
    return Settings(
        postgres_url=pair.postgres_url,
        role_password=pair.role_password,
        kafka_bootstrap=pair.kafka_bootstrap,
        database_prefix=f"t_{unique}_",
        topic_prefix=f"{unique}.",
        cursor_secret="0" * 64,
        position_secret="1" * 64,
    )


class Databases:
    """The databases of one test file, made when first required."""

    def __init__(self, pair: Pair, prefix: str) -> None:
        self._pair = pair
        self._prefix = prefix
        self._made: set[str] = set()

    def name(self, service: str) -> str:
        return f"{self._prefix}{service}"

    def url(self, service: str) -> str:
        """The admin's URL of the file's database of `service`."""
        parts = urlsplit(self._pair.postgres_url)
        return urlunsplit(parts._replace(path="/" + self.name(service)))

    async def require(self, *services: str) -> None:
        """Make the databases of `services` unless the file has them."""
        for service in services:
            if service not in self._made:
                async with self._one_at_a_time():
                    template = await self._template(service)
                    await self._execute(f'create database "{self.name(service)}" template "{template}"')
                self._made.add(service)

    async def truncate(self, service: str) -> None:
        """Empty every table of the file's database of `service`."""
        connection = await asyncpg.connect(self.url(service))
        try:
            rows = await connection.fetch(
                "select c.oid::regclass::text as name from pg_class c"
                " join pg_namespace n on n.oid = c.relnamespace"
                " where n.nspname = 'public' and c.relkind in ('r', 'p') and not c.relispartition"
            )
            names = [row["name"] for row in rows if row["name"] not in _KEPT_TABLES]
            if names:
                await connection.execute(f"truncate {', '.join(names)} restart identity cascade")
        finally:
            await connection.close()

    async def drop(self) -> None:
        """End what is left of connections to them, and drop them."""
        while self._made:
            await self._execute(f'drop database "{self.name(self._made.pop())}" with (force)')

    async def _template(self, service: str) -> str:
        from shared.database import migrate

        name = f"template_{service}"
        if not await self._exists(name):
            url = self._pair.postgres_url
            await migrate.create_databases_and_roles(url, [name], self._pair.role_password)
            await asyncio.to_thread(migrate.upgrade, url, service, name)
            await self._execute(f'alter database "{name}" allow_connections false')
        return name

    async def _exists(self, name: str) -> bool:
        connection = await asyncpg.connect(self._pair.postgres_url)
        try:
            query = "select exists (select from pg_database where datname = $1 and not datallowconn)"
            return bool(await connection.fetchval(query, name))
        finally:
            await connection.close()

    async def _execute(self, statement: str) -> None:
        connection = await asyncpg.connect(self._pair.postgres_url)
        try:
            await connection.execute(statement)
        finally:
            await connection.close()

    @asynccontextmanager
    async def _one_at_a_time(self) -> AsyncIterator[None]:
        """Across the run's workers: templates are made once, and not cloned while in use."""
        with (Path(self._pair.folder) / "templates.lock").open("w") as file:
            await asyncio.to_thread(fcntl.flock, file, fcntl.LOCK_EX)
            yield
