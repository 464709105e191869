"""A transaction that PostgreSQL gave up for another's sake is run again."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable
from typing import TypeVar

from shared.database.errors import is_retryable_write

R = TypeVar("R")
ATTEMPTS = 4
PAUSE_S = 0.02
"""After a deadlock a write is tried again, up to ATTEMPTS times in all, after a growing random pause."""


async def attempted(transaction: Callable[[], Awaitable[R]]) -> R:
    """What it answers, at the latest attempt; raises what the last one raised."""
    for attempt in range(1, ATTEMPTS + 1):
        try:
            return await transaction()
        except Exception as error:
            if attempt == ATTEMPTS or not is_retryable_write(error):
                raise
        # At once, it could lock the same row again before the other one wakes.
        await asyncio.sleep(random.uniform(0, PAUSE_S * attempt))  # noqa: S311 - no secret
    raise AssertionError("the last attempt answers or raises")
