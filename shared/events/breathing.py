"""Long computations let the loop live: heartbeats, health checks and hints run on it too."""

from __future__ import annotations

import asyncio
from time import perf_counter

SLICE_S = 0.002
TIMES_MOST = 16
REST_MOST_S = 0.025


class Breather:
    """`await breathe()` between steps: it yields to the loop when 2 ms have passed since it last did."""

    def __init__(self) -> None:
        self._since = perf_counter()

    async def breathe(self) -> None:
        if perf_counter() - self._since > SLICE_S:
            await asyncio.sleep(0)
            self._since = perf_counter()


class Rest:
    """How long a loop rests after a round, so that many small rounds become few larger ones.

    Each round has a cost whatever it carries. After a single event a loop rests as long as the round took,
    which a lone event does not notice. As long as rounds carry several, so that resting makes them fewer,
    rests double, up to REST_MOST_S.
    """

    def __init__(self) -> None:
        self._times = 1

    def after(self, carried: int, took_s: float) -> float:
        """Seconds to rest after a round that carried so many events and took so long."""
        self._times = min(self._times * 2, TIMES_MOST) if carried > 1 else 1
        return min(REST_MOST_S, self._times * took_s)
