"""Whose turn it is among the parts of an import: the next one's, once the one before holds its rows' keys.

The empty line says so in any case, after the answer to the part before. Where both parts are with the same
process, it knows earlier: whoever meets a key of the part before waits for the end of its transaction, so the
rows themselves may be stored side by side.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from uuid import UUID

from shared.events.tasks import end

Place = tuple[UUID, UUID, int]
"""A tenant, an import, and the number of a part's last row."""


class Turns:
    """One per process. Nothing is kept of parts that nobody waits for."""

    def __init__(self) -> None:
        self._waiting: dict[Place, asyncio.Event] = {}

    async def wait(self, before: Place | None, told: Awaitable[None]) -> None:
        """Until the part that ends at `before` is over, or `told` is; raises what that raises."""
        if before is None:
            await told
            return
        over = self._waiting.setdefault(before, asyncio.Event())
        line, known = asyncio.ensure_future(told), asyncio.create_task(over.wait(), name="turn of a part")
        try:
            await asyncio.wait([line, known], return_when=asyncio.FIRST_COMPLETED)
            if line.done():
                line.result()
        finally:
            self._waiting.pop(before, None)
            await end([line, known])

    def over(self, place: Place | None) -> None:
        """The part that ends there holds all its keys."""
        waiting = None if place is None else self._waiting.get(place)
        if waiting is not None:
            waiting.set()
