"""Waiting for a server to come up, with a limit."""

from __future__ import annotations

import asyncio
import socket
import time

import asyncpg

_PAUSE_S = 0.05


def until_listening(host: str, port: int, limit_s: float) -> None:
    """Return once something accepts connections there. Raises TimeoutError after `limit_s`."""
    deadline = time.monotonic() + limit_s
    while True:
        try:
            socket.create_connection((host, port), timeout=1).close()
        except OSError as error:
            if time.monotonic() > deadline:
                raise TimeoutError(f"nothing listens on {host}:{port} after {limit_s:.0f} s") from error
            time.sleep(_PAUSE_S)
        else:
            return


def until_postgres_answers(url: str, limit_s: float) -> None:
    """Return once a query is answered. Raises TimeoutError after `limit_s` with the last reason."""
    asyncio.run(_until_postgres_answers(url, limit_s))


async def _until_postgres_answers(url: str, limit_s: float) -> None:
    deadline = time.monotonic() + limit_s
    while True:
        try:
            connection = await asyncpg.connect(url, timeout=5)
            await connection.close()
        except (OSError, TimeoutError, asyncpg.PostgresError) as error:
            if time.monotonic() > deadline:
                raise TimeoutError(f"PostgreSQL does not answer after {limit_s:.0f} s: {error}") from error
            await asyncio.sleep(_PAUSE_S)
        else:
            return
