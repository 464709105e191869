"""Every request with its answer, and what the answers together say about its effect."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import Enum
from typing import Literal

Kind = Literal["create", "assign", "move", "activity", "merge", "unmerge"]


class Verdict(Enum):
    """2xx: the effect exists once. 4xx: it does not. Anything else (5xx, a cut, a timeout): nobody knows."""

    OK = "ok"
    REFUSED = "refused"
    UNKNOWN = "unknown"


def verdict_of(status: int | None) -> Verdict:
    """What one answer says; None where there was none."""
    if status is None or status >= 500:
        return Verdict.UNKNOWN
    return Verdict.OK if 200 <= status < 300 else Verdict.REFUSED


@dataclass(slots=True)
class Entry:
    """One thing asked for, however often it was sent. `mark` is stored with its effect, and with no other."""

    kind: Kind
    mark: str
    verdicts: list[Verdict] = field(default_factory=list)

    @property
    def least(self) -> int:
        """How often the effect must exist: one answer of 2xx is a promise, whatever the others gave."""
        return 1 if Verdict.OK in self.verdicts else 0

    @property
    def most(self) -> int:
        """How often it may exist. Attempts carry one Idempotency-Key, so two unknown ones are one effect."""
        certain = bool(self.verdicts) and all(verdict is Verdict.REFUSED for verdict in self.verdicts)
        return 0 if certain else 1


class Ledger:
    """What was asked for, by mark. `requests` counts attempts, `statuses` their answers."""

    def __init__(self) -> None:
        self.entries: dict[str, Entry] = {}
        self.statuses: Counter[str] = Counter()

    @property
    def requests(self) -> int:
        return self.statuses.total()

    def open(self, kind: Kind, mark: str) -> Entry:
        """Before it is sent. A mark is used once."""
        if mark in self.entries:
            raise ValueError(f"the mark {mark} is in use")
        self.entries[mark] = entry = Entry(kind, mark)
        return entry

    def answered(self, entries: Iterable[Entry], status: int | None, refused: Iterable[int] = ()) -> None:
        """One attempt's answer for what it carried; `refused`: the items of a batch that failed."""
        self.statuses[str(status) if status is not None else "none"] += 1
        failed = set(refused)
        for at, entry in enumerate(entries):
            entry.verdicts.append(Verdict.REFUSED if at in failed else verdict_of(status))

    def count(self, verdict: Verdict) -> int:
        """How many entries ended so: ok if any answer was, else unknown if any was."""
        return sum(1 for entry in self.entries.values() if _final(entry) is verdict)


def _final(entry: Entry) -> Verdict:
    for verdict in (Verdict.OK, Verdict.UNKNOWN):
        if verdict in entry.verdicts:
            return verdict
    # One that was never answered because the run ended is unknown too.
    return Verdict.REFUSED if entry.verdicts else Verdict.UNKNOWN
