"""What is not quiet yet; whoever waits for it keeps connections, and loses them with what they lead to."""

from __future__ import annotations

import asyncpg

from deploy.local.topology import SERVICES
from shared.events.kafka import TopicPartition
from shared.settings import Settings
from tests.chaos.quiet import behind, watching
from tests.support.databases import Databases


class TestBehind:
    def test_told_when_a_consumer_is_not_at_the_end_of_the_log(self) -> None:
        ends = {TopicPartition("x.cox.org", 0): 7}
        assert behind({("a", "cox.org", 0): 7}, ends, "x.") == []
        assert behind({("a", "cox.org", 0): 5}, ends, "x.") == ["a is 2 records of cox.org behind"]

    def test_told_when_a_consumer_stands_where_a_former_log_ended(self) -> None:
        ends = {TopicPartition("x.cox.org", 0): 7}
        assert behind({("a", "cox.org", 0): 9}, ends, "x.") == ["a is 2 records beyond the end of cox.org"]


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
