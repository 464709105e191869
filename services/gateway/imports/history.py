"""The past as data: what both shapes of a history become, in the words of the file (people by name, not by
id).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from services.gateway.imports.rules import Note, Problem


@dataclass(frozen=True, slots=True)
class Step:
    """One thing that happened to a deal. `at` is None where it happened when the deal started, whenever
    that was.
    """

    at: datetime | None
    do: Literal["assign", "move"]
    person: str | None = None
    to: str | None = None
    reason: str | None = None
    value: Mapping[str, str] | None = None


@dataclass(frozen=True, slots=True)
class Deal:
    """One deal and its steps in order; `texts` are those of TEXTS that are known."""

    external_id: str
    line: int
    started_at: datetime | None
    texts: Mapping[str, str]
    value: Mapping[str, str] | None = None
    creator: str | None = None
    steps: tuple[Step, ...] = ()
    tags: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Deed:
    """One activity of the past: done by `person` (None: nobody known) while `owner` had the deal."""

    external_id: str
    line: int
    kind: str
    at: datetime
    person: str | None
    owner: str | None
    outcome: str | None = None
    duration_s: int | None = None


@dataclass(slots=True)
class Folded:
    """What a deal's rows come to. Without a deal, the problems say why; `unmapped` counts rows by what they
    say.
    """

    deal: Deal | None = None
    deeds: list[Deed] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    notes: list[Note] = field(default_factory=list)
    unmapped: Counter[str] = field(default_factory=Counter)
    ignored: int = 0

    def people(self) -> set[str]:
        """Everybody named, to be found in the org before anything is sent."""
        named = {deed.person for deed in self.deeds} | {deed.owner for deed in self.deeds}
        if self.deal is not None:
            named |= {self.deal.creator, *(step.person for step in self.deal.steps)}
        return {name for name in named if name is not None}


TEXTS = (
    "name", "company", "phone", "email", "credit_code", "product", "region", "channel", "origin", "campaign",
)  # fmt: skip
"""Fields of a deal that travel as they are."""
