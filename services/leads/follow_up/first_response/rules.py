"""How long an owner has until the first response, who is told when it takes longer, what is a response."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Literal
from uuid import UUID

from services.leads.assigning.assignment.conditions import Conditions, Facts, contradictions, failed_condition
from shared.errors import FieldError, Invalid
from shared.worktime.calendar import Calendar
from shared.worktime.moments import Absence, BeyondHorizonError, after_working, working_between

Boss = Literal["supervisor", "manager", "director"]
LADDER: tuple[Boss, ...] = ("supervisor", "manager", "director")
"""Whoever is missing is stood in for by the next one up."""
What = Literal["warn", "due", "escalate", "reassign"]
_ORDER: tuple[What, ...] = ("warn", "due", "escalate", "reassign")
How = Literal["follow_up", "attempts"]

ATTEMPTS = frozenset({"call", "message", "email"})
BAND = timedelta(hours=24)
BANDS = 3
"""Attempts in so many different bands from the start are as good as a response, whatever came of them."""


class ResponseRuleImpossible(Invalid):
    code = "response_rule_impossible"
    title = "A response rule that cannot work"


@dataclass(frozen=True, slots=True)
class Escalation:
    """Who is told after so many business minutes from the start."""

    after_minutes: int
    to: Boss


@dataclass(frozen=True, slots=True)
class Terms:
    """All in business minutes from the assignment, by the owner's calendar and absences; None: never."""

    due_minutes: int
    warn_minutes: int | None = None
    escalate: tuple[Escalation, ...] = ()
    reassign_after_minutes: int | None = None


@dataclass(frozen=True, slots=True)
class ResponseRule:
    """A rule as it is now. `version` grows with each change; the first one that applies decides."""

    id: UUID
    version: int
    name: str
    position: int
    terms: Terms
    conditions: Conditions = field(default_factory=Conditions)
    active: bool = True


@dataclass(frozen=True, slots=True)
class Step:
    """Something that happens after so many business minutes; `to` where it is an escalation."""

    what: What
    minutes: int
    to: Boss | None = None


@dataclass(frozen=True, slots=True)
class Dated:
    """A step and when it comes; None: not before the horizon of calendars."""

    step: Step
    at: datetime | None


@dataclass(frozen=True, slots=True)
class Hours:
    """By what an owner works."""

    calendar: Calendar
    absences: Sequence[Absence] = ()

    def between(self, start: datetime, end: datetime) -> timedelta:
        return working_between(self.calendar, start, end, self.absences)

    def after(self, start: datetime, minutes: int) -> datetime | None:
        try:
            return after_working(self.calendar, start, timedelta(minutes=minutes), self.absences)
        except BeyondHorizonError:
            return None


@dataclass(frozen=True, slots=True)
class Deed:
    """Something that the owner did for the lead."""

    kind: str
    at: datetime
    effective: bool


@dataclass(frozen=True, slots=True)
class Handled:
    """The first response: when, and whether it was a follow-up or the last of so many attempts."""

    at: datetime
    how: How


def first_applying(rules: Sequence[ResponseRule], facts: Facts) -> ResponseRule | None:
    """`rules` in order."""
    return next((rule for rule in rules if failed_condition(rule.conditions, facts) is None), None)


def steps_of(terms: Terms) -> list[Step]:
    """In the order in which they come."""
    steps = [Step("due", terms.due_minutes)]
    steps += [Step("escalate", each.after_minutes, each.to) for each in terms.escalate]
    if terms.warn_minutes is not None:
        steps.append(Step("warn", terms.warn_minutes))
    if terms.reassign_after_minutes is not None:
        steps.append(Step("reassign", terms.reassign_after_minutes))
    return sorted(steps, key=lambda step: (step.minutes, _ORDER.index(step.what)))


def waits_on(terms: Terms, step: Step) -> bool:
    """Whether an escalation comes later than the reassignment: it counts from the first owner's start, so
    that a lead that goes from hand to hand comes before somebody all the same.
    """
    after = terms.reassign_after_minutes
    return step.what == "escalate" and after is not None and step.minutes > after


def plan(terms: Terms, started_at: datetime, waiting_since: datetime, hours: Hours) -> list[Dated]:
    """When each step comes. `waiting_since`: when the first owner's clock started whom nobody followed."""
    return [
        Dated(step, hours.after(waiting_since if waits_on(terms, step) else started_at, step.minutes))
        for step in steps_of(terms)
    ]


def handled(started_at: datetime, deeds: Iterable[Deed]) -> Handled | None:
    """The first effective follow-up, or the attempt that makes the bands full, whichever came first."""
    bands: set[int] = set()
    for deed in sorted(deeds, key=lambda deed: deed.at):
        if deed.at < started_at:
            continue
        if deed.effective:
            return Handled(deed.at, "follow_up")
        if deed.kind in ATTEMPTS:
            bands.add((deed.at - started_at) // BAND)
            if len(bands) == BANDS:
                return Handled(deed.at, "attempts")
    return None


def stand_ins(to: Boss) -> tuple[Boss, ...]:
    """Whom to ask for, in order."""
    return LADDER[LADDER.index(to) :]


def check_rule(rule: ResponseRule, nobody: Iterable[Boss]) -> None:
    """`nobody`: roles that no active user has. Raises ResponseRuleImpossible naming all that cannot work."""
    terms, errors = rule.terms, []
    if terms.warn_minutes is not None and terms.warn_minutes >= terms.due_minutes:
        detail = f"a warning comes before {terms.due_minutes} minutes, when the response is due"
        errors.append(FieldError("/warn_minutes", "warning_too_late", detail))
    reassign = terms.reassign_after_minutes
    if reassign is not None and reassign < terms.due_minutes:
        detail = f"nobody loses a lead before {terms.due_minutes} minutes, when the response is due"
        errors.append(FieldError("/reassign_after_minutes", "reassigned_too_early", detail))
    errors += _flaws_of_escalations(terms, frozenset(nobody))
    if terms.warn_minutes is None and reassign is None and not terms.escalate:
        detail = "warn the owner, tell somebody above, or give the lead to another"
        errors.append(FieldError("/escalate", "silent", detail))
    errors += contradictions(rule.conditions)
    if errors:
        raise ResponseRuleImpossible(errors[0].detail, errors=errors)


def _flaws_of_escalations(terms: Terms, nobody: frozenset[Boss]) -> list[FieldError]:
    errors = []
    for at, each in enumerate(terms.escalate):
        if each.after_minutes < terms.due_minutes:
            detail = f"nobody is told before {terms.due_minutes} minutes, when the response is due"
            errors.append(FieldError(f"/escalate/{at}/after_minutes", "escalated_too_early", detail))
        if each.to in nobody:
            detail = f"no active user is a {each.to}"
            errors.append(FieldError(f"/escalate/{at}/to", "escalation_to_nobody", detail))
    for at, (one, two) in enumerate(pairwise(terms.escalate), start=1):
        if (two.after_minutes, LADDER.index(two.to)) <= (one.after_minutes, LADDER.index(one.to)):
            detail = "escalations are told in order, each once"
            errors.append(FieldError(f"/escalate/{at}", "out_of_order", detail))
    return errors
