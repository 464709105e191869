"""Long computations let the loop live: heartbeats, health checks and hints run on it too."""

from __future__ import annotations

import asyncio
from time import perf_counter

SLICE_S = 0.002


class Breather:
    """`await breathe()` between steps: it yields to the loop when 2 ms have passed since it last did."""

    def __init__(self) -> None:
        self._since = perf_counter()

    async def breathe(self) -> None:
        if perf_counter() - self._since > SLICE_S:
            await asyncio.sleep(0)
            self._since = perf_counter()
