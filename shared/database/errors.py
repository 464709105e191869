"""What a database error means to its caller: try again, or give up."""

from __future__ import annotations

import asyncio

import asyncpg
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from shared.errors import Unavailable

TRANSIENT_CLASSES = frozenset({"08", "40", "53", "55", "57", "58"})
"""SQLSTATE classes in which the same may succeed later: connection, rollback, resources, locks, operator."""

_LOST = (
    asyncpg.InterfaceError,
    # An idle connection that the server ended is found out in the middle of its goodbye.
    asyncpg.InternalClientError,
    asyncpg.ConnectionDoesNotExistError,
    ConnectionError,
    OSError,
    PoolTimeout,
    asyncio.TimeoutError,
)


class DatabaseUnavailable(Unavailable):
    code = "database_unavailable"
    title = "The database is not available right now"


class TransactionLostError(Exception):
    """COMMIT was answered with ROLLBACK: an error inside the transaction had been swallowed."""


def sqlstate(error: BaseException) -> str | None:
    """The SQLSTATE of an error of SQLAlchemy or asyncpg, None where it has none."""
    cause: BaseException | None = error.orig if isinstance(error, DBAPIError) else error
    code = getattr(cause, "sqlstate", None)
    return code if isinstance(code, str) else None


def is_disconnect(error: BaseException) -> bool:
    """Whether the connection is gone; what was under way has an unknown outcome if it was a COMMIT."""
    if isinstance(error, DBAPIError):
        if error.connection_invalidated:
            return True
        cause = error.orig.__cause__ if error.orig is not None else None
        return cause is not None and is_disconnect(cause)
    state = sqlstate(error)
    return (
        isinstance(error, _LOST)
        if state is None
        else state[:2] == "08" or state in {"57P01", "57P02", "57P03"}
    )


def is_transient(error: BaseException) -> bool:
    """Whether trying again may help: connections, deadlocks, timeouts, a database that starts or stops."""
    if isinstance(error, DatabaseUnavailable):
        return True
    state = sqlstate(error)
    if state is not None:
        return state[:2] in TRANSIENT_CLASSES
    return is_disconnect(error)


def is_retryable_write(error: BaseException) -> bool:
    """Whether the whole transaction may be run again at once: serialization failure or deadlock."""
    return sqlstate(error) in {"40001", "40P01"}
