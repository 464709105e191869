"""What a check found wrong: lost, doubled, or not equal where it should be."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal, NamedTuple

from tests.chaos.promise import Outcome

_MOST_TOLD = 10


class Finding(NamedTuple):
    """One thing that is not as promised, as a sentence."""

    kind: Literal["lost", "doubled", "mismatch"]
    text: str

    def __str__(self) -> str:
        return self.text


def lost(text: str) -> Finding:
    return Finding("lost", text)


def doubled(text: str) -> Finding:
    return Finding("doubled", text)


def mismatch(text: str) -> Finding:
    return Finding("mismatch", text)


def note(outcome: Outcome, findings: Iterable[Finding]) -> None:
    """Count all of them into the outcome, and tell the first ones of each kind."""
    for finding in findings:
        field = {"lost": "lost", "doubled": "doubled", "mismatch": "mismatches"}[finding.kind]
        count = getattr(outcome, field) + 1
        setattr(outcome, field, count)
        if count <= _MOST_TOLD:
            outcome.failures.append(finding.text)
