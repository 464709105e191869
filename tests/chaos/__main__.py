"""`python -m tests.chaos [PROMISE…]`: run promises one after another; one JSON line each on stdout."""

from __future__ import annotations

import argparse
import asyncio
import sys
import tempfile
import traceback
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from deploy.cli.chaos import arguments as declare
from tests.chaos.promise import DEFAULT_SEED, Outcome, Promise, Run, chosen
from tests.chaos.stack import Stack, running_stack
from tests.support.named import UnknownName


class FreshCopies:
    """Makes copies, each in a folder of its own below this one."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._made = 0

    @asynccontextmanager
    async def __call__(
        self,
        *,
        scale: str | None = None,
        settings: dict[str, str] | None = None,
        own: bool = False,
        slow_wires: bool = False,
    ) -> AsyncIterator[Stack]:
        self._made += 1
        async with running_stack(
            self._folder / f"copy{self._made}", scale, settings, slow_wires=slow_wires
        ) as stack:
            yield stack


async def keep(promise: Promise, arguments: argparse.Namespace) -> Outcome:
    """Run one promise on copies of its own. What breaks the run is a failure of the promise."""
    with tempfile.TemporaryDirectory(prefix="cox-chaos-") as scratch:
        folder = Path(scratch)
        run = Run(
            seed=arguments.seed,
            full=not arguments.short,
            minutes=arguments.minutes,
            folder=folder,
            stack=FreshCopies(folder),
            name=promise.NAME,
        )
        run.say(promise.CLAIM)
        try:
            return await promise.run(run)
        except Exception as error:  # noqa: BLE001 - told as the outcome; the next promise still runs
            traceback.print_exc()
            return Outcome(promise.NAME, run.seed, run.full, failures=[f"the run broke: {error!r}"])


def main(words: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="./cox chaos")
    declare(parser)
    arguments = parser.parse_args(words)
    if arguments.seed is None:
        arguments.seed = DEFAULT_SEED
    try:
        promises = chosen(arguments.promises)
    except UnknownName as error:
        print(f"cox: {error}", file=sys.stderr)
        return 2
    if arguments.list:
        print("\n".join(f"{promise.NAME:4} {promise.CLAIM}" for promise in promises))
        return 0
    held = True
    for promise in promises:
        outcome = asyncio.run(keep(promise, arguments))
        print(outcome.line(), flush=True)
        held = held and outcome.held
    return 0 if held else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
