"""What a benchmark is given, and where benchmarks are found."""

from __future__ import annotations

import sys
import time
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol, TypeVar

import tests.bench.marks
from tests.bench.result import Result
from tests.bench.scaled import REPS, Scaled, scaled
from tests.bench.site import Site, running_site
from tests.support import named

T = TypeVar("T")


@dataclass
class Bench:
    """What a benchmark is given. `full` is False for the short form: one round, few operations.

    `scale`: powers of ten of leads to measure at; `folder` is scratch space.
    """

    full: bool
    rounds: int
    scale: Sequence[int]
    folder: Path
    open: AsyncExitStack
    name: str = ""
    _site: Site | None = None
    _scaled: dict[int, Scaled] = field(default_factory=dict)
    _began: float = field(default_factory=time.monotonic)

    async def site(self) -> Site:
        """The copy that all benchmarks of a run share; started when first asked for."""
        if self._site is None:
            self.say("starting a copy of the product")
            self._site = await self.open.enter_async_context(running_site(self.folder / "site"))
        return self._site

    @asynccontextmanager
    async def own_site(self, name: str) -> AsyncIterator[Site]:
        """A copy of its own while the block runs; in the short form the one that all share."""
        if self.full:
            async with running_site(self.folder / name) as site:
                yield site
        else:
            yield await self.site()

    async def scaled(self, power: int, *, numbers: bool = True) -> Scaled:
        """A copy with 10^power leads, and with ten times as many KPI events where `numbers` are asked for;
        each is loaded when first asked for.
        """
        if power not in self._scaled:
            site = await self.open.enter_async_context(self.own_site(f"scaled-{power}"))
            self._scaled[power] = await scaled(site, power, self.pick(REPS, 4), self.say)
        if numbers:
            await self._scaled[power].numbers_too(self.say)
        return self._scaled[power]

    def pick(self, full: T, short: T) -> T:
        """The number that fits the form."""
        return full if self.full else short

    def say(self, text: str) -> None:
        """Progress, on stderr: stdout carries results only."""
        print(f"{self.name} {time.monotonic() - self._began:7.1f} s  {text}", file=sys.stderr, flush=True)


@asynccontextmanager
async def opened(*, full: bool, rounds: int, scale: Sequence[int], folder: Path) -> AsyncIterator[Bench]:
    """A bench; at the end everything that it started is stopped."""
    async with AsyncExitStack() as stack:
        yield Bench(full, rounds, scale, folder, stack)


class Mark(Protocol):
    """The shape of a benchmark's module."""

    NAME: str
    WHAT: str

    async def run(self, bench: Bench) -> Result: ...


def registry() -> dict[str, Mark]:
    """Every benchmark by its name: F1, F2, …"""
    return named.named_modules(tests.bench.marks)


def chosen(names: Iterable[str]) -> list[Mark]:
    """The benchmarks of these names, all where none is given. Raises UnknownName."""
    return named.chosen(registry(), names, "benchmark")
