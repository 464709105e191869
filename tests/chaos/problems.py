"""What the processes of a copy say keeps them from their work: as `./cox status` asks them."""

from __future__ import annotations

import asyncio

from deploy.cli import running
from tests.chaos.stack import Stack

SILENT = "it does not answer"


async def problems(stack: Stack) -> dict[str, list[str]]:
    """By the name of each worker that runs; no entry where it is ready. One that is too busy to answer, or
    starts, may have something to say: `SILENT`.
    """
    return await asyncio.to_thread(_asked, stack)


def _asked(stack: Stack) -> dict[str, list[str]]:
    workers = [process for process in stack.copy.state().processes if "-worker-" in process.name]
    return {
        worker.name: running.problems(worker) or [SILENT]
        for worker in workers
        if not running.is_ready(worker)
    }


async def says(stack: Stack, service: str, text: str) -> bool:
    """Whether a worker of this service says this."""
    found = await problems(stack)
    return any(
        text in told
        for name, all_told in found.items()
        if name.startswith(f"{service}-")
        for told in all_told
    )
