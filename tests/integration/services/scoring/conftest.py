"""Scoring's database, as the worker and as the app see it, and a tenant in it."""

from __future__ import annotations

from collections.abc import AsyncIterator

import asyncpg
import pytest

from shared.database.engine import make_engine
from shared.database.transactions import Database
from shared.settings import Settings
from tests.integration.services.scoring.world import World
from tests.support.databases import Databases


@pytest.fixture
async def admin(databases: Databases) -> AsyncIterator[asyncpg.Connection[asyncpg.Record]]:
    """The owner's connection to scoring's database."""
    await databases.require("scoring")
    connection = await asyncpg.connect(databases.url("scoring"))
    await connection.execute(
        "insert into consumers (name, kind, adopts) values ('scoring.kpis', 'projection', false)"
        " on conflict do nothing"
    )
    yield connection
    await connection.close()


@pytest.fixture
async def worker(settings: Settings, admin: asyncpg.Connection[asyncpg.Record]) -> AsyncIterator[Database]:
    database = Database(make_engine(settings, "scoring", "worker"))
    yield database
    await database.dispose()


@pytest.fixture
async def app(settings: Settings, admin: asyncpg.Connection[asyncpg.Record]) -> AsyncIterator[Database]:
    """As the service's app sees it: under row-level security."""
    database = Database(make_engine(settings, "scoring", "app"))
    yield database
    await database.dispose()


@pytest.fixture
async def world(admin: asyncpg.Connection[asyncpg.Record]) -> World:
    """A new tenant with its org."""
    made = World()
    await made.store_org(admin)
    return made
