"""What a promise is given, what it says at the end, and where promises are found."""

from __future__ import annotations

import json
import random
import statistics
import sys
import time
from collections.abc import Iterable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import tests.chaos.promises
from tests.chaos.stack import Stack
from tests.support import named

DEFAULT_SEED = 7


class StackMaker(Protocol):
    """Gives a running copy. In the short forms all share one, whatever is asked for, unless `own` is."""

    def __call__(
        self,
        *,
        scale: str | None = None,
        settings: dict[str, str] | None = None,
        own: bool = False,
        slow_wires: bool = False,
    ) -> AbstractAsyncContextManager[Stack]: ...


@dataclass
class Run:
    """What a promise is given. `full` is False for the short form: small numbers, a few seconds, no time
    asserted. `minutes` is what the person asked for; None leaves the length to the promise. `folder` is
    for scratch.
    """

    seed: int
    full: bool
    minutes: float | None
    folder: Path
    stack: StackMaker
    name: str = ""
    _began: float = field(default_factory=time.monotonic)

    def rng(self) -> random.Random:
        """Chance by the seed: the same at every call."""
        return random.Random(self.seed)

    def say(self, text: str) -> None:
        """Progress, on stderr: stdout carries results only."""
        print(f"{self.name} {time.monotonic() - self._began:7.1f} s  {text}", file=sys.stderr, flush=True)


@dataclass
class Outcome:
    """What was done and found. `recovery_s`: seconds from each heal to working again; `failures`: a sentence
    each, none where the promise held.
    """

    promise: str
    seed: int
    full: bool
    faults: int = 0
    requests: int = 0
    lost: int = 0
    doubled: int = 0
    mismatches: int = 0
    recovery_s: list[float] = field(default_factory=list)
    figures: dict[str, float | int | str] = field(default_factory=dict)
    failures: list[str] = field(default_factory=list)

    @property
    def held(self) -> bool:
        return not (self.failures or self.lost or self.doubled or self.mismatches)

    def line(self) -> str:
        """One line of JSON."""
        told = {
            "promise": self.promise,
            "held": self.held,
            "form": "full" if self.full else "short",
            "seed": self.seed,
            "faults": self.faults,
            "requests": self.requests,
            "lost": self.lost,
            "doubled": self.doubled,
            "mismatches": self.mismatches,
            "recovery_s": _spread(self.recovery_s),
            **self.figures,
            "failures": self.failures,
        }
        return json.dumps(told, ensure_ascii=False)


def _spread(values: list[float]) -> dict[str, float | int] | None:
    if not values:
        return None
    return {
        "n": len(values),
        "median": round(statistics.median(values), 3),
        "max": round(max(values), 3),
    }


class Promise(Protocol):
    """The shape of a promise's module."""

    NAME: str
    CLAIM: str

    async def run(self, run: Run) -> Outcome: ...


def registry() -> dict[str, Promise]:
    """Every promise by its name: R1, R2, … S1, …"""
    return named.named_modules(tests.chaos.promises)


def chosen(names: Iterable[str]) -> list[Promise]:
    """The promises of these names, all where none is given. Raises UnknownName."""
    return named.chosen(registry(), names, "promise")
