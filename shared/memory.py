"""What a server process keeps of its memory: the garbage collector's share, and the allocator's."""

from __future__ import annotations

import ctypes
import gc
import sys

THRESHOLDS = (200_000, 50, 100)
"""Python's own (700, 10, 10) walk over a batch of 5,000 events again and again while it is being built: half
of a consumer's time. Nearly everything dies by reference count; only cycles wait longer now. A batch of a
thousand leads is less than this, so that it is not walked over at all (7 % of its time with 50,000)."""


_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3
KEPT_BYTES = 1024 * 1024
"""What glibc may keep of freed memory. Left alone it learns to keep more with each large block freed."""


def settle() -> None:
    """Called once a process has imported and wired what it needs: that is never looked at again."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(*THRESHOLDS)
    if sys.platform == "linux":
        mallopt = getattr(ctypes.CDLL(None), "mallopt", None)  # musl has none, and needs none
        if mallopt is not None:
            mallopt(_M_TRIM_THRESHOLD, KEPT_BYTES)
            mallopt(_M_MMAP_THRESHOLD, KEPT_BYTES)
