"""What an error in a handler means: try again, set the event aside, or neither."""

from __future__ import annotations

from enum import Enum

import asyncpg

from shared.database.errors import TransactionLostError, is_transient, sqlstate
from shared.errors import Unavailable
from shared.events.envelope import Undecodable

DATABASE_ERRORS = (
    OSError,
    TimeoutError,
    asyncpg.PostgresError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
)
"""Whatever may come of a connection of our own, outside the pool."""

POISON_CLASSES = frozenset({"22", "23"})
TRIES = 3


class Fault(Enum):
    PASSING = "passing"  # try again, then pause
    POISON = "poison"  # some event of the batch cannot be applied
    BROKEN = "broken"  # our own house is not in order (a missing table): never an event's fault, so retried


def fault_of(error: BaseException) -> Fault:
    """SQLSTATE classes 08, 40, 53, 55, 57, 58 pass; 22, 23, decoding and what a handler raises itself is
    poison.
    """
    if isinstance(error, Undecodable):
        return Fault.POISON
    if isinstance(error, Unavailable | TransactionLostError) or is_transient(error):
        return Fault.PASSING
    state = sqlstate(error)
    if state is None or state[:2] in POISON_CLASSES:
        return Fault.POISON
    return Fault.BROKEN


def reason_of(error: BaseException) -> str:
    """One line for `dead_letters`, without the values of rows that PostgreSQL puts into its details."""
    state = sqlstate(error)
    if isinstance(error, Undecodable):
        return f"undecodable: {error.reason}"[:500]
    text = str(error).splitlines()[0] if str(error) else ""
    name = type(error).__name__
    return (f"{state}: {name}: {text}" if state else f"{name}: {text}")[:500]
