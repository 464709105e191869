"""A service's database as it was before: copied and put back while the product runs, as from a backup."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncpg

from tests.chaos.stack import Connection, Stack

_LEAVE = "select pg_terminate_backend(pid) from pg_stat_activity where datname = $1"


async def back_up(stack: Stack, service: str) -> str:
    """The name of a copy of the service's database as it is now."""
    name = stack.settings.database_name(service)
    copy = f"{name}_backup"
    async with _server(stack) as server, _alone(server, name):
        await server.execute(f'drop database if exists "{copy}"')
        await server.execute(f'create database "{copy}" template "{name}"')
    return copy


async def restore(stack: Stack, service: str, copy: str) -> None:
    """Put the copy in the place of the service's database, whose later state is gone then."""
    name = stack.settings.database_name(service)
    async with _server(stack) as server, _alone(server, name):
        await server.execute(f'alter database "{name}" rename to "{name}_lost"')
        await server.execute(f'alter database "{copy}" rename to "{name}"')
        await server.execute(f'drop database "{name}_lost"')


@asynccontextmanager
async def _server(stack: Stack) -> AsyncIterator[Connection]:
    connection = await asyncpg.connect(stack.settings.postgres_url.get_secret_value(), timeout=30)
    try:
        yield connection
    finally:
        await connection.close()


@asynccontextmanager
async def _alone(server: Connection, name: str) -> AsyncIterator[None]:
    """Nobody is connected to this database while the block runs, and nobody gets in."""
    await server.execute(f'alter database "{name}" allow_connections false')
    try:
        while await server.fetch(_LEAVE, name):
            pass
        yield
    finally:
        await server.execute(f'alter database "{name}" allow_connections true')
