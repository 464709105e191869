"""What processes cost: CPU seconds and memory, from /proc."""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress

import psutil

Costs = dict[str, float]


class Meter:
    """CPU seconds of named processes, each with its children, ended ones included."""

    def __init__(self, processes: Mapping[str, psutil.Process]) -> None:
        self._processes = dict(processes)
        self._before = self._look()

    def _look(self) -> Costs:
        return {name: cpu_s(process) for name, process in self._processes.items()}

    def begin(self) -> None:
        self._before = self._look()

    def per_1000(self, operations: int) -> Costs:
        """CPU seconds since `begin` per 1,000 operations."""
        now = self._look()
        return {name: (now[name] - self._before[name]) * 1000 / max(operations, 1) for name in now}


def cpu_s(process: psutil.Process) -> float:
    """CPU seconds of a process, of its children that live, and of those it has reaped."""
    total = 0.0
    with suppress(psutil.NoSuchProcess):
        times = process.cpu_times()
        total += times.user + times.system + times.children_user + times.children_system
        for child in process.children(recursive=True):
            with suppress(psutil.NoSuchProcess):
                own = child.cpu_times()
                total += own.user + own.system
    return total


def pss_mib(processes: Mapping[str, psutil.Process]) -> Costs:
    """Proportional set size in MiB, each process with its children: shared pages count once in the sum."""
    return {name: _pss(process) / 2**20 for name, process in processes.items()}


def _pss(process: psutil.Process) -> int:
    total = 0
    with suppress(psutil.NoSuchProcess):
        for each in (process, *process.children(recursive=True)):
            with suppress(psutil.NoSuchProcess):
                total += each.memory_full_info().pss
    return total


def middle(rounds: Sequence[Mapping[str, float]]) -> Costs:
    """The median of each name over the rounds."""
    names = {name: None for one in rounds for name in one}
    return {name: statistics.median(one[name] for one in rounds if name in one) for name in names}


def of(costs: Mapping[str, float], *names: str) -> float:
    """The sum over the processes whose names begin with one of these."""
    return sum(cost for name, cost in costs.items() if name.startswith(names))


def percentile(values: Iterable[float], part: float) -> float:
    """The value that `part` (0 to 1) of the values do not exceed."""
    ordered = sorted(values)
    return ordered[min(int(len(ordered) * part), len(ordered) - 1)]
