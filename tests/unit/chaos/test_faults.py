"""Whom a fault may strike: those who live."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from random import Random
from typing import cast

import psutil
import pytest

from tests.chaos.faults import grown
from tests.chaos.stack import Stack
from tests.support.copies import gone, until


class Listed:
    """A copy whose list of processes is as old as it likes."""

    def __init__(self, processes: dict[str, psutil.Process]) -> None:
        self._processes = processes

    def processes(self) -> dict[str, psutil.Process]:
        return self._processes


@pytest.fixture
def sleepers() -> Iterator[list[psutil.Process]]:
    """Two processes that run; whoever ends is not reaped before the test is over."""
    command = [sys.executable, "-c", "input()"]
    started = [subprocess.Popen(command, stdin=subprocess.PIPE) for _ in range(2)]
    try:
        yield [psutil.Process(each.pid) for each in started]
    finally:
        for each in started:
            each.kill()
            each.communicate()


class TestGrown:
    async def test_a_killed_one_is_passed_over_when_nobody_has_noticed_yet(
        self, sleepers: list[psutil.Process]
    ) -> None:
        dead, alive = sleepers
        dead.kill()
        until(lambda: gone(dead))
        listed = cast(Stack, Listed({"a-worker-1": dead, "b-worker-1": alive}))

        chosen = [await grown(listed, Random(seed), "worker", 0.0) for seed in range(8)]

        assert chosen == [("b-worker-1", alive)] * 8
