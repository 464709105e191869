"""What rules make of a lead: its classes, and its score with the reasons. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import UUID

from services.leads.assigning.assignment.conditions import Facts, contradictions
from services.leads.capture.intake.lead import CLASSED, Classed, Grade, Label, Lead
from services.leads.follow_up.automation.rules import Demands, unmet
from shared.errors import FieldError, Invalid

FOLLOW_UP = "follow_up"
"""The name of the reason that tells how fresh the last effective follow-up is."""


class ClassificationImpossible(Invalid):
    code = "classification_impossible"
    title = "A rule or a score that cannot work"


@dataclass(frozen=True, slots=True)
class ClassRule:
    """What leads of a kind get. Of several rules that give the same, the first by ascending `position`."""

    id: UUID
    version: int
    name: str
    position: int
    demands: Demands
    label: Label | None = None
    value_class: Grade | None = None
    intent: Grade | None = None
    active: bool = True


@dataclass(frozen=True, slots=True)
class Item:
    """So many points, also below zero, for leads of a kind."""

    name: str
    points: int
    demands: Demands


@dataclass(frozen=True, slots=True)
class Freshness:
    """So many points while the last effective follow-up is younger than so many days of 24 hours."""

    within_days: int
    points: int


@dataclass(frozen=True, slots=True)
class Score:
    """How a lead's points are counted: from `base`, every item that holds, the first freshness that does."""

    base: int = 0
    items: tuple[Item, ...] = ()
    follow_up: tuple[Freshness, ...] = ()


@dataclass(frozen=True, slots=True)
class Reason:
    """One entry of a score. `failed`: the first condition that does not hold; None: the points count."""

    name: str
    points: int
    failed: str | None = None


@dataclass(frozen=True, slots=True)
class Scored:
    """A lead's score with every reason; `until`: it has fewer or more points from then on by itself."""

    value: int
    reasons: tuple[Reason, ...] = ()
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Verdict:
    """The first rule that gives a class to a lead; None: no rule does."""

    name: Classed
    rule: ClassRule | None = None
    by_hand: bool = False


def scored(score: Score, lead: Lead, facts: Facts, followed_at: datetime | None, at: datetime) -> Scored:
    """The points of a lead at a moment; `followed_at`: its last effective follow-up."""
    reasons = [Reason(item.name, item.points, unmet(item.demands, lead, facts)) for item in score.items]
    until = None
    steps = sorted(score.follow_up, key=lambda step: step.within_days)
    fresh = next((step for step in steps if followed_at and at < _end(step, followed_at)), None)
    if fresh is not None and followed_at is not None:
        reasons.append(Reason(FOLLOW_UP, fresh.points))
        until = _end(fresh, followed_at)
    elif steps:
        reasons.append(Reason(FOLLOW_UP, steps[-1].points, "followed_up"))
    return Scored(
        score.base + sum(one.points for one in reasons if one.failed is None), tuple(reasons), until
    )


def _end(step: Freshness, followed_at: datetime) -> datetime:
    return followed_at + timedelta(days=step.within_days)


def verdicts(rules: Sequence[ClassRule], lead: Lead, facts: Facts) -> tuple[Verdict, ...]:
    """Of each class, who gives it."""
    applying = [rule for rule in rules if unmet(rule.demands, lead, facts) is None]
    return tuple(_verdict(name, applying, lead) for name in CLASSED)


def _verdict(name: Classed, applying: Iterable[ClassRule], lead: Lead) -> Verdict:
    by_hand = getattr(lead, name) is not None and name not in lead.ruled
    rule = next((rule for rule in applying if getattr(rule, name) is not None), None)
    return Verdict(name, rule, by_hand)


def check_rule(rule: ClassRule) -> None:
    """Raises ClassificationImpossible naming all that cannot work."""
    errors = [*contradictions(rule.demands.facts), *_circles(rule.demands, "/conditions", CLASSED)]
    if all(getattr(rule, name) is None for name in CLASSED):
        detail = "give a label, a value class or an intent"
        errors.append(FieldError("/label", "gives_nothing", detail))
    _refuse(errors)


def check_score(score: Score) -> None:
    """Raises ClassificationImpossible naming all that cannot work."""
    errors: list[FieldError] = []
    names: set[str] = set()
    for at, item in enumerate(score.items):
        where = f"/items/{at}"
        errors += (
            FieldError(where + error.pointer, error.code, error.detail)
            for error in contradictions(item.demands.facts)
        )
        errors += _circles(item.demands, f"{where}/conditions", (*CLASSED, "score_from", "score_to"))
        if item.name in names or item.name == FOLLOW_UP:
            errors.append(FieldError(f"{where}/name", "repeated_name", "each reason has a name of its own"))
        names.add(item.name)
    if len({step.within_days for step in score.follow_up}) < len(score.follow_up):
        errors.append(FieldError("/follow_up", "repeated_days", "each number of days stands there once"))
    _refuse(errors)


def _circles(demands: Demands, where: str, names: Iterable[str]) -> Iterator[FieldError]:
    """What a rule gives, no rule looks at; nor a score at what rules make of it: so one pass is enough."""
    for name in names:
        if getattr(demands.facts, name) not in ((), None):
            yield FieldError(f"{where}/{name}", "circular", "it follows from rules or from the score itself")


def _refuse(errors: Sequence[FieldError]) -> None:
    if errors:
        raise ClassificationImpossible(errors[0].detail, errors=errors)


@dataclass(frozen=True, slots=True)
class Terms:
    """All by which a tenant's leads are judged: its active rules, in order, and its score."""

    rules: tuple[ClassRule, ...] = field(default=())
    score: Score | None = None
    score_version: int = 0

    @property
    def any(self) -> bool:
        return bool(self.rules) or self.score is not None
