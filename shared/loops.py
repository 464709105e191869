"""The event loop of every process of a service."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Coroutine
from typing import Any

STEP_BACK = 5
"""How much nicer a process is that gives way: it gets a third of what another gets on the same core."""


def run(main: Coroutine[Any, Any, None], *, gives_way: bool = False) -> None:
    """`asyncio.run`, on uvloop where there is one: apps and workers are mostly sockets.

    `gives_way`: nobody waits for this process as people wait for an answer. Where cores are free it runs as
    fast as any; where none is, its rounds become fewer and larger.
    """
    if gives_way:
        os.nice(STEP_BACK)
    with asyncio.Runner(loop_factory=_new_loop) as runner:
        runner.run(main)


def _new_loop() -> asyncio.AbstractEventLoop:
    try:
        import uvloop
    except ImportError:  # not on Windows
        return asyncio.new_event_loop()
    return uvloop.new_event_loop()
