"""Engines: one per process, role and database."""

from __future__ import annotations

from typing import Any, Literal

import asyncpg
import orjson
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.pool import NullPool

from shared.settings import Settings

Role = Literal["app", "worker", "owner"]

STATEMENT_TIMEOUT_MS = {"app": 15_000, "worker": 120_000, "owner": 0}
IDLE_IN_TRANSACTION_MS = {"app": 30_000, "worker": 10_000, "owner": 0}
"""A worker that was stopped in a transaction holds rows: it must lose them while requests still wait."""
CONNECT_TIMEOUT_S = 10.0


def server_settings(service: str, role: Role) -> dict[str, str]:
    """The session's settings, sent with the connection's first packet: they cost no round trip."""
    return {
        "application_name": f"cox-{service}-{role}",
        "jit": "off",
        "TimeZone": "UTC",
        "statement_timeout": str(STATEMENT_TIMEOUT_MS[role]),
        "idle_in_transaction_session_timeout": str(IDLE_IN_TRANSACTION_MS[role]),
    }


def connect_arguments(settings: Settings, service: str, role: Role) -> dict[str, Any]:
    """Arguments of `asyncpg.connect` for a role in a service's database; the DSN keeps its own options."""
    arguments: dict[str, Any] = {
        "dsn": settings.postgres_url.get_secret_value(),
        "database": settings.database_name(service),
        "timeout": CONNECT_TIMEOUT_S,
        "server_settings": server_settings(service, role),
    }
    if role != "owner":
        arguments |= {"user": f"cox_{role}", "password": settings.role_password.get_secret_value()}
    return arguments


async def connect_raw(settings: Settings, service: str, role: Role) -> asyncpg.Connection[asyncpg.Record]:
    """A connection outside any pool: for LISTEN and session-level locks. The caller closes it."""
    connection: asyncpg.Connection[asyncpg.Record] = await asyncpg.connect(
        **connect_arguments(settings, service, role)
    )
    return connection


def make_engine(
    settings: Settings, service: str, role: Role, *, pool_size: int | None = None, pooled: bool = True
) -> AsyncEngine:
    """An engine on a service's database. `pool_size` (default COX_POOL_SIZE) is the most."""
    arguments = connect_arguments(settings, service, role)

    async def creator(**_: object) -> asyncpg.Connection[asyncpg.Record]:
        connection: asyncpg.Connection[asyncpg.Record] = await asyncpg.connect(**arguments)
        return connection

    pool: dict[str, Any] = {"poolclass": NullPool}
    if pooled:
        pool = {"pool_size": pool_size or settings.pool_size, "max_overflow": 0, "pool_timeout": 10}
    return create_async_engine(
        "postgresql+asyncpg://",
        connect_args={"async_creator_fn": creator, "prepared_statement_cache_size": 500},
        json_serializer=lambda value: orjson.dumps(value).decode(),
        json_deserializer=orjson.loads,
        query_cache_size=1500,
        # Errors are logged; what people typed is not.
        hide_parameters=True,
        **pool,
    )
