"""When so much goes wrong that a person must look before more is set aside."""

from __future__ import annotations

from collections import deque

WINDOW = 1000
LEAST = 50
SHARE = 0.05


class Circuit:
    """Counts dead letters among the last 1,000 events; open above 5 % of them and at least 50."""

    def __init__(self) -> None:
        # Runs of (events, dead among them), newest last: a batch is one entry, not thousands.
        self._runs: deque[tuple[int, int]] = deque()
        self._events = 0
        self._dead = 0

    def add(self, events: int, dead: int) -> None:
        self._runs.append((events, dead))
        self._events += events
        self._dead += dead
        while self._events - self._runs[0][0] >= WINDOW:
            old_events, old_dead = self._runs.popleft()
            self._events -= old_events
            self._dead -= old_dead

    @property
    def is_open(self) -> bool:
        # A window that is not full yet is held against its full size: five in the first twenty are no flood.
        return self._in_window >= LEAST and self._in_window > SHARE * WINDOW

    @property
    def _in_window(self) -> int:
        """Dead letters in the window; of a run that began before it, in proportion."""
        if self._events <= WINDOW:
            return self._dead
        events, dead = self._runs[0]
        return self._dead - dead * (self._events - WINDOW) // events

    def __str__(self) -> str:
        return f"{self._in_window} of the last {min(self._events, WINDOW)} events are dead letters"
