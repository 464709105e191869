"""Processes that a benchmark starts beside the copy: they end with the block, or with this process."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import psutil

from deploy.local import guard

ROOT = Path(__file__).resolve().parents[2]
_READY_S = 240.0
_STDERR = 2
"""Where a child may say something: stdout carries results only."""


@asynccontextmanager
async def running(module: str, *words: str, **environment: str) -> AsyncIterator[psutil.Process]:
    """`python -m module words…` with this environment besides ours."""
    guarded = [sys.executable, guard.__file__, str(int(signal.SIGKILL)), str(os.getpid())]
    command = [*guarded, sys.executable, "-m", module, *words]
    # From this thread: the kernel's death signal goes by the thread that started the process.
    child = subprocess.Popen(  # noqa: ASYNC220 - it takes a millisecond
        command, cwd=ROOT, env=os.environ | environment, stdin=subprocess.DEVNULL, stdout=_STDERR
    )
    try:
        yield psutil.Process(child.pid)
    finally:
        child.terminate()
        try:
            await asyncio.to_thread(child.wait, 10)
        except subprocess.TimeoutExpired:
            child.kill()
            await asyncio.to_thread(child.wait)


class Ended(Exception):
    """A process that was to work is no more; its own words stand on stderr."""


def check_alive(process: psutil.Process) -> None:
    """Raises Ended."""
    if not process.is_running() or process.status() == psutil.STATUS_ZOMBIE:
        raise Ended(f"process {process.pid} has ended")


async def until_listening(port: int) -> None:
    """Raises TimeoutError where nothing ever listens there."""
    async with asyncio.timeout(_READY_S):
        while True:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    return
            await asyncio.sleep(0.05)
