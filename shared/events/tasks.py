"""Tasks that end when they are told to, and loops that are started again when they fail."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Iterable
from time import monotonic
from typing import Any

from shared.events.backbone import Backbone
from shared.observability.logs import get_logger

log = get_logger(__name__)

AGAIN_S = 1.0
STOP_S = 10.0
RESTART_MOST_S = 5.0
STEADY_S = 30.0


async def end(tasks: Iterable[asyncio.Task[Any]], timeout_s: float = STOP_S) -> None:
    """Cancel tasks until they are done: client libraries swallow a cancellation now and then.

    What is not done in time is left to the end of the process. Results and errors are dropped.
    """
    left = {task for task in tasks if not task.done()}
    deadline = monotonic() + timeout_s
    interrupted = False
    while left and monotonic() < deadline:
        for task in left:
            task.cancel()
        try:
            _, left = await asyncio.wait(left, timeout=AGAIN_S)
        except asyncio.CancelledError:
            # Whoever ends us waits too: first those below, then we.
            interrupted = True
            left = {task for task in left if not task.done()}
    for task in left:
        log.error("task_does_not_end", task=task.get_name())
    if interrupted:
        raise asyncio.CancelledError


async def finish(cleanup: Coroutine[Any, Any, Any], timeout_s: float) -> None:
    """Run a clean-up to its end although the caller is cancelled meanwhile; never longer than told, never
    failing.
    """
    task = asyncio.create_task(cleanup)
    deadline = monotonic() + timeout_s
    interrupted = False
    while not task.done() and (left_s := deadline - monotonic()) > 0:
        try:
            await asyncio.wait({task}, timeout=left_s)
        except asyncio.CancelledError:
            interrupted = True
    task.cancel()
    task.add_done_callback(lambda done: done.cancelled() or done.exception())
    if interrupted:
        raise asyncio.CancelledError


def every(
    pause_s: float, work: Callable[[Backbone], Awaitable[int | None]]
) -> Callable[[Backbone], Awaitable[None]]:
    """A worker's loop that runs until cancelled: some work, again at once as long as there was any to do
    (a number that is not 0), else after a pause.
    """

    async def loop(backbone: Backbone) -> None:
        while True:
            while await work(backbone):
                pass
            await asyncio.sleep(pause_s)

    return loop


async def kept_alive(name: str, loop: Callable[[], Awaitable[None]]) -> None:
    """Run a loop; when it fails, again, after a pause that grows to 5 s. Ends when the loop returns."""
    pause = 0.1
    while True:
        began = monotonic()
        try:
            await loop()
            return
        except Exception:
            log.exception("loop_failed", loop=name)
        pause = 0.1 if monotonic() - began > STEADY_S else min(pause * 2, RESTART_MOST_S)
        await asyncio.sleep(pause)
