"""The run's own servers: what every other test stands on."""

from __future__ import annotations

import os
from pathlib import Path

import asyncpg
from aiokafka.admin import AIOKafkaAdminClient

from deploy.local.postgres import EmbeddedPostgres
from tests.support.pair import Pair


class TestThePair:
    async def test_chinese_has_trigrams_when_the_embedded_postgres_is_used(self, pair: Pair) -> None:
        connection = await asyncpg.connect(pair.postgres_url)
        try:
            await connection.execute("create extension if not exists pg_trgm")
            assert await connection.fetchval("select show_trgm('华为')")
        finally:
            await connection.close()

    async def test_topics_are_not_made_by_accident_when_the_embedded_kafka_is_asked(self, pair: Pair) -> None:
        admin = AIOKafkaAdminClient(bootstrap_servers=pair.kafka_bootstrap)
        await admin.start()
        try:
            (described,) = await admin.describe_topics(["never-made"])
        finally:
            await admin.close()
        assert described["error_code"] == 3


class TestStaleLock:
    def test_lock_is_forgotten_when_its_pid_is_somebody_elses(self, tmp_path: Path) -> None:
        server = EmbeddedPostgres(tmp_path, port=1, password="unused")
        for name in ("PG_VERSION", "cox-ready"):
            (tmp_path / name).touch()
        lock = tmp_path / "postmaster.pid"
        lock.write_text(f"{os.getpid()}\n{tmp_path}\n")
        server.initialise()
        assert not lock.exists()
