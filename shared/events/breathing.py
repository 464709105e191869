"""Long computations let the loop live: heartbeats, health checks and hints run on it too."""

from __future__ import annotations

import asyncio
from time import perf_counter

SLICE_S = 0.002
REST_MOST_S = 0.025


class Breather:
    """`await breathe()` between steps: it yields to the loop when 2 ms have passed since it last did."""

    def __init__(self) -> None:
        self._since = perf_counter()

    async def breathe(self) -> None:
        if perf_counter() - self._since > SLICE_S:
            await asyncio.sleep(0)
            self._since = perf_counter()


def rest_after(took_s: float) -> float:
    """Seconds to rest after a small round that took this long.

    Each round has a cost whatever it carries. Resting as long as it took leaves at rest what it was, a
    millisecond or two, and lets rounds grow as soon as everything together is too much for the machine.
    """
    return min(REST_MOST_S, took_s)
