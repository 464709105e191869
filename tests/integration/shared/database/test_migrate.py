"""Databases, roles, migrations: may be run again, by two at once, and say when models have moved on."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import asyncpg
import pytest

from shared.database import migrate
from shared.database.engine import connect_raw
from shared.settings import Settings
from tests.support.pair import Pair

SERVICE = "migrated"

ENV = """
from sqlalchemy import Column, Integer, Text
from shared.database.migrate import run_env
from shared.database.tables import metadata_for
from sqlalchemy import Table
metadata = metadata_for("migrated")
Table("things", metadata, Column("id", Integer, primary_key=True, autoincrement=False){more})
run_env(metadata)
"""
VERSION = """
from alembic import op
revision = "0001"
down_revision = None
def upgrade():
    op.execute("create table things (id integer not null, constraint pk_things primary key (id))"
               " partition by range (id)")
    op.execute("create table things_default partition of things default")
"""
TEMPLATE = "${up_revision}"


@pytest.fixture
def service(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A service with one migration, in a place of its own."""
    folder = tmp_path / "services" / SERVICE / "migrations"
    (folder / "versions").mkdir(parents=True)
    (folder / "env.py").write_text(ENV.format(more=""))
    (folder / "versions" / "0001_things.py").write_text(VERSION)
    (folder / "script.py.mako").write_text(TEMPLATE)
    monkeypatch.setattr(migrate, "ROOT", tmp_path)
    return folder


@pytest.fixture
async def database(pair: Pair, settings: Settings) -> AsyncIterator[str]:
    name = settings.database_name(SERVICE)
    await migrate.create_databases_and_roles(pair.postgres_url, [name], pair.role_password)
    yield name
    connection = await asyncpg.connect(pair.postgres_url)
    await connection.execute(f'drop database "{name}" with (force)')
    await connection.close()


class TestUpgrade:
    async def test_the_app_may_use_the_tables_when_migrated(
        self, pair: Pair, settings: Settings, database: str, service: Path
    ) -> None:
        await asyncio.to_thread(migrate.upgrade, pair.postgres_url, SERVICE, database)
        await asyncio.to_thread(migrate.upgrade, pair.postgres_url, SERVICE, database)
        for role in ("app", "worker"):
            connection = await connect_raw(settings, SERVICE, role)
            await connection.execute("insert into things values ($1)", len(role))
            await connection.close()

    async def test_nothing_stays_when_a_migration_fails(
        self, pair: Pair, database: str, service: Path
    ) -> None:
        broken = VERSION.replace('"0001"', '"0002"').replace("None", '"0001"').replace("things", "others")
        (service / "versions" / "0002_broken.py").write_text(broken + "    op.execute('select 1/0')\n")
        with pytest.raises(Exception, match="division by zero"):
            await asyncio.to_thread(migrate.upgrade, pair.postgres_url, SERVICE, database)
        connection = await asyncpg.connect(pair.postgres_url, database=database)
        tables = await connection.fetch("select tablename from pg_tables where schemaname = 'public'")
        await connection.close()
        assert tables == []


class TestSetUp:
    async def test_both_succeed_when_two_installations_start_at_once(
        self, pair: Pair, settings: Settings, database: str
    ) -> None:
        starts = [
            migrate.create_databases_and_roles(pair.postgres_url, [database], pair.role_password)
            for _ in range(4)
        ]
        assert await asyncio.gather(*starts) == [None] * 4

    async def test_is_refused_when_chinese_text_would_have_no_trigrams(
        self, pair: Pair, settings: Settings
    ) -> None:
        name = settings.database_name("latin")
        connection = await asyncpg.connect(pair.postgres_url)
        await connection.execute(
            f"""create database "{name}" template template0 encoding 'UTF8'
                locale_provider builtin builtin_locale 'C' lc_collate 'C' lc_ctype 'C'"""
        )
        with pytest.raises(migrate.UnfitDatabaseError, match="LC_CTYPE"):
            await migrate.create_databases_and_roles(pair.postgres_url, [name], pair.role_password)
        await connection.execute(f'drop database "{name}"')
        await connection.close()


class TestCompare:
    async def test_finds_nothing_when_models_and_migrations_agree(self, pair: Pair, service: Path) -> None:
        await migrate.create_databases_and_roles(pair.postgres_url, [], pair.role_password)
        assert await asyncio.to_thread(migrate.compare, pair.postgres_url, SERVICE) == []

    async def test_names_the_column_when_a_migration_is_missing(self, pair: Pair, service: Path) -> None:
        await migrate.create_databases_and_roles(pair.postgres_url, [], pair.role_password)
        (service / "env.py").write_text(ENV.format(more=', Column("colour", Text)'))
        found = await asyncio.to_thread(migrate.compare, pair.postgres_url, SERVICE)
        assert len(found) == 1
        assert "colour" in found[0]
