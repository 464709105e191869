"""To whom a lead that lies in a pool could go, best first, and why not to the others. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal
from uuid import UUID

from services.leads.assigning.assignment.conditions import Facts, failed_condition
from services.leads.assigning.assignment.rules import Candidate, Reason, Rule, choose, covers

Fit = Literal["territory", "product", "skills", "languages"]
"""What a lead wants and a candidate has: its region, its product as a skill, and what the first assignment
rule demands that is for such leads.
"""
Bar = Reason | Literal["cooling_off"]
_FREE = ("chosen", "another_has_fewer_open_leads")


@dataclass(frozen=True, slots=True)
class Suggestion:
    """What was found of one candidate; `bar` is why they cannot have the lead, None: they could.

    `most_in_hand`: as many are too many; `cooling_until`: how long they wait for this lead.
    """

    candidate: Candidate
    fits: tuple[Fit, ...]
    bar: Bar | None
    most_in_hand: int | None
    cooling_until: datetime | None

    @property
    def user_id(self) -> UUID:
        return self.candidate.user_id


def demands_of(rules: Sequence[Rule], facts: Facts) -> Rule:
    """What a lead demands of whoever gets it: what the first of these rules does that is for it."""
    applying = next((rule for rule in rules if failed_condition(rule.conditions, facts) is None), None)
    return Rule(
        id=UUID(int=0),
        version=0,
        name="curation",
        position=0,
        strategy="least_loaded",
        skills=applying.skills if applying else (),
        languages=applying.languages if applying else (),
    )


def suggest(
    demands: Rule, facts: Facts, candidates: Sequence[Candidate], cooling: Mapping[UUID, datetime]
) -> list[Suggestion]:
    """Every candidate: first those who could have the lead, those whom it fits in more ways before others,
    among equals whoever has fewer in hand. `cooling`: who waits for it until when.
    """
    found = [
        Suggestion(
            verdict.candidate,
            tuple(_fits(demands, facts, verdict.candidate)),
            _bar(verdict.reason, cooling.get(verdict.user_id)),
            verdict.most_open,
            cooling.get(verdict.user_id),
        )
        for verdict in choose(demands, facts, candidates)
    ]
    return sorted(found, key=lambda one: (one.bar is not None, -len(one.fits), one.candidate.open_leads))


def _fits(demands: Rule, facts: Facts, one: Candidate) -> Iterator[Fit]:
    if covers(one, facts.region):
        yield "territory"
    if facts.product is not None and facts.product in one.skills:
        yield "product"
    if demands.skills and one.skills.issuperset(demands.skills):
        yield "skills"
    if demands.languages and one.languages.issuperset(demands.languages):
        yield "languages"


def _bar(reason: Reason, cooling_until: datetime | None) -> Bar | None:
    if reason not in _FREE:
        return reason
    return None if cooling_until is None else "cooling_off"
