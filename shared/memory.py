"""The garbage collector's share of a server process."""

from __future__ import annotations

import gc

THRESHOLDS = (50_000, 50, 100)
"""Python's own (700, 10, 10) walk over a batch of 5,000 events again and again while it is being built: half
of a consumer's time. Nearly everything dies by reference count; only cycles wait longer now."""


def settle() -> None:
    """Called once a process has imported and wired what it needs: that is never looked at again."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(*THRESHOLDS)
