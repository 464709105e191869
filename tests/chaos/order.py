"""Whether what was seen of each aggregate is 1, 2, 3 … up to its last seq: nothing missing, twice, or early.

A log may hold a known event again and may hold a late commit behind its successor: consumers hold the order
by seq. What a consumer applied may do neither.

Pure: what was seen and what must be there come in as values.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping
from dataclasses import dataclass, field

from tests.chaos.promise import Outcome

SHOWN = 5

Seen = Iterable[tuple[Hashable, int]]
"""(aggregate, seq), in the order in which it was seen."""


@dataclass
class Tally:
    """What is wrong, with the first examples of it; `again` and `overtaken` are what only a log may do."""

    lost: int = 0
    doubled: int = 0
    misplaced: int = 0
    strange: int = 0
    again: int = 0
    overtaken: int = 0
    samples: list[str] = field(default_factory=list)

    def note(self, sample: str) -> None:
        if len(self.samples) < SHOWN:
            self.samples.append(sample)

    def told_to(self, outcome: Outcome, where: str) -> None:
        """Add it to what a promise says."""
        outcome.lost += self.lost
        outcome.doubled += self.doubled
        outcome.mismatches += self.misplaced + self.strange
        if self.lost or self.doubled or self.misplaced or self.strange:
            outcome.failures.append(
                f"{where}: {self.lost} lost, {self.doubled} doubled, {self.misplaced} out of order, "
                f"{self.strange} that must not exist; such as {'; '.join(self.samples)}"
            )


def applied_once(seen: Seen, last: Mapping[Hashable, int]) -> Tally:
    """Hold what a consumer applied against the last seq of each aggregate: each once, in its order."""
    return _compared(seen, last, log=False)


def published(seen: Seen, last: Mapping[Hashable, int]) -> Tally:
    """Hold what a log holds against it: nothing may be missing, and nothing there that nobody recorded."""
    return _compared(seen, last, log=True)


def _compared(seen: Seen, last: Mapping[Hashable, int], *, log: bool) -> Tally:
    tally = Tally()
    met: dict[Hashable, set[int]] = {aggregate: set() for aggregate in last}
    for aggregate, seq in seen:
        known = met.get(aggregate)
        if known is None or not 0 < seq <= last[aggregate]:
            tally.strange += 1
            tally.note(f"{aggregate} has a seq {seq} that nobody recorded")
        elif seq in known:
            _seen_again(tally, aggregate, seq, log=log)
        else:
            if seq != len(known) + 1:
                _out_of_turn(tally, aggregate, seq, len(known) + 1, log=log)
            known.add(seq)
    for aggregate, known in met.items():
        if missing := last[aggregate] - len(known):
            tally.lost += missing
            tally.note(f"{missing} of {aggregate}'s {last[aggregate]} are missing")
    return tally


def _seen_again(tally: Tally, aggregate: Hashable, seq: int, *, log: bool) -> None:
    if log:
        tally.again += 1
    else:
        tally.doubled += 1
        tally.note(f"seq {seq} of {aggregate} twice")


def _out_of_turn(tally: Tally, aggregate: Hashable, seq: int, turn: int, *, log: bool) -> None:
    if log:
        tally.overtaken += 1
    else:
        tally.misplaced += 1
        tally.note(f"seq {seq} of {aggregate} came as number {turn}")
