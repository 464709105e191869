"""`python -m tests.bench [NAME…]`: run benchmarks one after another; one JSON line each on stdout."""

from __future__ import annotations

import argparse
import asyncio
import json
import logging
import signal
import sys
import tempfile
import traceback
from collections.abc import Sequence
from pathlib import Path

import uvloop

from deploy.cli.bench import arguments as declare
from deploy.cli.bench import powers
from tests.bench.mark import Bench, Mark, chosen, opened
from tests.support.named import UnknownName


async def measured(mark: Mark, bench: Bench) -> bool:
    """Print what came of one benchmark; whether it could be measured."""
    bench.name = mark.NAME
    bench.say(mark.WHAT)
    try:
        result = await mark.run(bench)
    except Exception as error:  # noqa: BLE001 - told as the outcome; the next benchmark still runs
        traceback.print_exc()
        print(json.dumps({"mark": mark.NAME, "error": repr(error)}), flush=True)
        return False
    print(result.line(short=not bench.full), flush=True)
    return True


async def measure_all(marks: Sequence[Mark], arguments: argparse.Namespace, folder: Path) -> bool:
    """All of them on one copy; whether each could be measured."""
    task = asyncio.current_task()
    assert task is not None
    # The same way out as Ctrl-C: a run that is cut short leaves nothing behind.
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    rounds = 1 if arguments.short else arguments.rounds
    scale = powers(arguments.scale)
    async with opened(full=not arguments.short, rounds=rounds, scale=scale, folder=folder) as bench:
        done = [await measured(mark, bench) for mark in marks]
    return all(done)


def main(words: Sequence[str]) -> int:
    # What a topic that was made a moment ago answers at first is no news.
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)
    parser = argparse.ArgumentParser(prog="./cox bench")
    declare(parser)
    arguments = parser.parse_args(words)
    try:
        marks = chosen(arguments.names)
    except UnknownName as error:
        print(f"cox: {error}", file=sys.stderr)
        return 2
    if arguments.list:
        print("\n".join(f"{mark.NAME:4} {mark.WHAT}" for mark in marks))
        return 0
    with tempfile.TemporaryDirectory(prefix="cox-bench-", ignore_cleanup_errors=True) as folder:
        try:
            return 0 if uvloop.run(measure_all(marks, arguments, Path(folder))) else 1
        except (asyncio.CancelledError, KeyboardInterrupt):
            return 130


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
