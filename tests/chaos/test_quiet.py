"""Whoever waits for quiet keeps connections, and loses them with what they lead to."""

from __future__ import annotations

import asyncpg

from deploy.local.topology import SERVICES
from shared.settings import Settings
from tests.chaos.quiet import watching
from tests.support.databases import Databases


class TestWatch:
    async def test_it_asks_on_when_its_connections_were_cut(
        self, databases: Databases, settings: Settings, topics: str
    ) -> None:
        await databases.require(*SERVICES)
        async with watching(settings) as watch:
            assert await watch.unfinished() == []
            admin = await asyncpg.connect(settings.postgres_url.get_secret_value())
            await admin.fetch(
                "select pg_terminate_backend(pid, 60000) from pg_stat_activity where datname = $1",
                databases.name("leads"),
            )
            await admin.close()
            (told,) = await watch.unfinished()
            assert told.startswith("something is down")
            assert await watch.unfinished() == []
