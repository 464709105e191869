"""A service of its own on the copy's servers: databases and topics that nobody else works on.

One worker alone, so that what is measured is that worker, and what it does to a round is gone with it.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from urllib.parse import urlsplit, urlunsplit

import asyncpg
import psutil

from deploy.local.ports import free_port
from shared.database import migrate
from shared.events.kafka import Admin
from shared.events.streams import STREAMS
from shared.events.topics import ensure_topics, topic_of
from shared.settings import Settings
from tests.bench.child import running
from tests.bench.site import Site


class Apart:
    """The databases and topics; `settings` are those of the processes that work on them."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings

    @asynccontextmanager
    async def database(self, service: str) -> AsyncIterator[asyncpg.Connection[asyncpg.Record]]:
        """A connection to a service's database as its owner."""
        parts = urlsplit(self.settings.postgres_url.get_secret_value())
        url = urlunsplit(parts._replace(path=f"/{self.settings.database_name(service)}"))
        connection = await asyncpg.connect(url)
        try:
            yield connection
        finally:
            await connection.close()

    def environment(self) -> dict[str, str]:
        """What a process is told to work here."""
        known = self.settings
        return {
            "COX_HOME": str(known.home),
            "COX_POSTGRES_URL": known.postgres_url.get_secret_value(),
            "COX_ROLE_PASSWORD": known.role_password.get_secret_value(),
            "COX_POSITION_SECRET": known.position_secret.get_secret_value(),
            "COX_KAFKA_BOOTSTRAP": known.kafka_bootstrap,
            "COX_DATABASE_PREFIX": known.database_prefix,
            "COX_TOPIC_PREFIX": known.topic_prefix,
            "COX_LOG_LEVEL": "warning",
        }

    def worker(self, service: str) -> AbstractAsyncContextManager[psutil.Process]:
        """The service's worker process while the block runs."""
        port = str(free_port())
        return running("deploy.run", service, "worker", **self.environment(), COX_INTERNAL_PORT=port)


@asynccontextmanager
async def apart(site: Site, *services: str) -> AsyncIterator[Apart]:
    """Fresh databases of these services and fresh topics; dropped and deleted at the end."""
    name = f"bench{secrets.token_hex(3)}"
    own = site.settings.model_copy(update={"database_prefix": f"{name}_", "topic_prefix": f"{name}."})
    url = own.postgres_url.get_secret_value()
    names = [own.database_name(service) for service in services]
    password = own.role_password.get_secret_value()
    await migrate.create_databases_and_roles(url, names, password)
    for service, database in zip(services, names, strict=True):
        await asyncio.to_thread(migrate.upgrade, url, service, database)
    await ensure_topics(own.kafka_bootstrap, own.topic_prefix)
    try:
        yield Apart(own)
    finally:
        await _remove(own, names)


async def _remove(own: Settings, databases: list[str]) -> None:
    async with Admin(own.kafka_bootstrap) as admin:
        await admin.delete([topic_of(stream, own.topic_prefix) for stream in STREAMS])
    root = await asyncpg.connect(own.postgres_url.get_secret_value())
    try:
        for name in databases:
            await root.execute(f'drop database "{name}" with (force)')
    finally:
        await root.close()
