"""The timers' decisions: does it still count, and when is it tried again."""

from __future__ import annotations

from datetime import datetime, timedelta

TRIES = 8
FIRST_PAUSE_S = 1.0
LONGEST_PAUSE_S = 300.0


def still_counts(generation: int, current: int | None) -> bool:
    """Only the newest generation of its kind and aggregate acts; what was superseded deletes itself."""
    return generation == current


def next_try(now: datetime, attempts: int) -> datetime:
    """After the n-th failure: 1, 2, 4 … seconds, at most five minutes."""
    pause = FIRST_PAUSE_S * float(2 ** min(attempts - 1, 20))
    return now + timedelta(seconds=min(pause, LONGEST_PAUSE_S))
