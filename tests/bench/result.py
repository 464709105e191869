"""What a benchmark says at the end: one JSON line."""

from __future__ import annotations

import json
import os
import platform
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

import psutil


@dataclass(frozen=True, slots=True)
class Asked:
    """One thing that the table asks for. `most`: the value must not be above, else not below.

    `first_mark` is what a release must not fall behind, `goal` what this machine allows; None asks nothing.
    """

    what: str
    value: float
    first_mark: float | None
    goal: float | None
    most: bool = False

    def reached(self, wanted: float | None) -> bool | None:
        if wanted is None:
            return None
        return self.value <= wanted if self.most else self.value >= wanted

    def told(self) -> dict[str, object]:
        return {
            "what": self.what,
            "value": rounded(self.value),
            "first_mark": self.first_mark,
            "first_mark_reached": self.reached(self.first_mark),
            "goal": self.goal,
            "goal_reached": self.reached(self.goal),
        }


@dataclass
class Result:
    """`ours` and `limit` have one value per round in `unit`; a row without a limit leaves it empty.

    The CPU seconds are per 1,000 operations by process; memory is PSS in MiB by process.
    """

    mark: str
    what: str
    unit: str
    ours: Sequence[float]
    limit_is: str = ""
    limit: Sequence[float] = ()
    asked: Sequence[Asked] = ()
    cpu_s_per_1000: Mapping[str, float] = field(default_factory=dict)
    limit_cpu_s_per_1000: Mapping[str, float] = field(default_factory=dict)
    memory_mib: Mapping[str, float] = field(default_factory=dict)
    figures: Mapping[str, object] = field(default_factory=dict)

    @property
    def ratio(self) -> float | None:
        """Our median over the limit's; None without a limit."""
        return statistics.median(self.ours) / statistics.median(self.limit) if self.limit else None

    def line(self, *, short: bool = False) -> str:
        """One line of JSON."""
        marks = [asked.reached(asked.first_mark) for asked in self.asked]
        goals = [asked.reached(asked.goal) for asked in self.asked]
        told = {
            "mark": self.mark,
            "what": self.what,
            "form": "short" if short else "full",
            "unit": self.unit,
            "rounds": len(self.ours),
            "ours": spread(self.ours),
            "limit_is": self.limit_is or None,
            "limit": spread(self.limit) if self.limit else None,
            "ratio": None if self.ratio is None else rounded(self.ratio),
            "first_mark_reached": all(reached is not False for reached in marks),
            "goal_reached": all(reached is not False for reached in goals),
            "asked": [asked.told() for asked in self.asked],
            "cpu_s_per_1000": _rounded_all(self.cpu_s_per_1000),
            "limit_cpu_s_per_1000": _rounded_all(self.limit_cpu_s_per_1000),
            "memory_mib": _rounded_all(self.memory_mib),
            **self.figures,
            "at": datetime.now(UTC).isoformat(timespec="seconds"),
            "machine": machine(),
        }
        return json.dumps(told, ensure_ascii=False)


def spread(values: Sequence[float]) -> dict[str, float]:
    """Median and range."""
    return {
        "median": rounded(statistics.median(values)),
        "min": rounded(min(values)),
        "max": rounded(max(values)),
    }


def rounded(value: float) -> float:
    """Four figures are more than a shared machine can tell apart."""
    return float(f"{value:.4g}") if abs(value) < 10_000 else float(round(value))


def _rounded_all(values: Mapping[str, float]) -> dict[str, float]:
    return {name: rounded(value) for name, value in values.items()}


def machine() -> dict[str, object]:
    """What the figures were seen on."""
    return {
        "cores": os.cpu_count(),
        "memory_gib": round(psutil.virtual_memory().total / 2**30),
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
    }
