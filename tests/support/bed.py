"""A database made of given statements, for tests of `shared` that need a few tables and no service."""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass

import asyncpg

from shared.database.engine import make_engine
from shared.database.migrate import create_databases_and_roles
from shared.database.rls import PRELUDE
from shared.database.transactions import Database
from shared.settings import Settings
from tests.support.pair import Pair


@dataclass
class Bed:
    """`admin` owns the tables; `app` and `worker` reach them as the services do."""

    settings: Settings
    admin: asyncpg.Connection[asyncpg.Record]
    app: Database
    worker: Database


@asynccontextmanager
async def made_bed(pair: Pair, settings: Settings, statements: Sequence[str]) -> AsyncIterator[Bed]:
    """A database with these statements run in it; dropped at the end."""
    own = settings.model_copy(update={"database_prefix": f"t_{secrets.token_hex(4)}_"})
    name = own.database_name("gateway")
    await create_databases_and_roles(pair.postgres_url, [name], pair.role_password)
    admin = await asyncpg.connect(pair.postgres_url, database=name)
    app, worker = (
        Database(make_engine(own, "gateway", "app")),
        Database(make_engine(own, "gateway", "worker")),
    )
    try:
        for statement in (*PRELUDE, *statements):
            await admin.execute(statement)
        yield Bed(own, admin, app, worker)
    finally:
        await app.dispose()
        await worker.dispose()
        await admin.close()
        root = await asyncpg.connect(pair.postgres_url)
        await root.execute(f'drop database "{name}" with (force)')
        await root.close()
