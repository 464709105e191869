"""What the processes of a copy say keeps them from their work: as `./cox status` asks them."""

from __future__ import annotations

import asyncio

from deploy.cli import running
from tests.chaos.stack import Stack


async def problems(stack: Stack) -> dict[str, list[str]]:
    """By the name of each worker that runs; no entry where it says nothing."""
    return await asyncio.to_thread(_asked, stack)


def _asked(stack: Stack) -> dict[str, list[str]]:
    workers = [process for process in stack.copy.state().processes if "-worker-" in process.name]
    said = {process.name: running.problems(process) for process in workers}
    return {name: told for name, told in said.items() if told}


async def says(stack: Stack, service: str, text: str) -> bool:
    """Whether a worker of this service says this."""
    found = await problems(stack)
    return any(
        text in told
        for name, all_told in found.items()
        if name.startswith(f"{service}-")
        for told in all_told
    )
