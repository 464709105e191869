"""F12: how long it takes to start."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from statistics import median

from deploy.local import guard
from tests.bench.child import ROOT, Ended
from tests.bench.mark import Bench
from tests.bench.result import Asked, Result
from tests.support.copies import Copy

NAME = "F12"
WHAT = "./cox up to ready: in a fresh checkout with downloads cached, and again on the same data"

_NO_PART_OF_IT = shutil.ignore_patterns(".git", ".venv", ".cox", "__pycache__", ".*_cache", "dist")


async def run(bench: Bench) -> Result:
    """The first start prepares the environment, PostgreSQL, Kafka and the databases; the others find them."""
    checkout = bench.folder / "checkout" if bench.full else ROOT
    if bench.full:
        await asyncio.to_thread(shutil.copytree, ROOT, checkout, ignore=_NO_PART_OF_IT)
    copy = Copy(bench.folder / "started")
    first = await _start_and_stop(checkout, copy)
    bench.say(f"first: {first:.1f} s")
    again = [await _start_and_stop(checkout, copy) for _ in range(bench.rounds)]
    bench.say(f"again: {', '.join(f'{seconds:.1f}' for seconds in again)} s")
    if bench.full:
        await asyncio.to_thread(shutil.rmtree, checkout)
    result = Result(NAME, WHAT, "s (second start)", again, figures={"first_s": round(first, 2)})
    result.asked = [
        Asked("s, second start", median(again), 10.0, 5.0, most=True),
        Asked("s, first start", first, 60.0, 25.0, most=True),
    ]
    return result


async def _start_and_stop(checkout: Path, copy: Copy) -> float:
    """Seconds from the command to ready."""
    guarded = [sys.executable, guard.__file__, str(int(signal.SIGTERM)), str(os.getpid())]
    began = time.monotonic()
    # From this thread: the kernel's death signal goes by the thread that started the process.
    process = subprocess.Popen(  # noqa: ASYNC220 - it takes a millisecond
        [*guarded, str(checkout / "cox"), "up", "--no-demo"], env=copy.environment, stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        await asyncio.to_thread(_until_ready, process)
        return time.monotonic() - began
    finally:
        process.terminate()
        await asyncio.to_thread(process.communicate)


def _until_ready(process: subprocess.Popen[str]) -> None:
    assert process.stdout is not None
    if not any("Ctrl-C" in line for line in process.stdout):
        raise Ended("up ended before it was ready")
