"""Who gets a lead, by ordered rules with conditions, candidates and a strategy; and why nobody else does."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal
from uuid import UUID

from services.leads.assigning.assignment.conditions import Conditions, Facts, contradictions, failed_condition
from services.leads.assigning.assignment.weights import Weights, weights_wrong
from services.leads.assigning.standings.rules import Reached
from shared.errors import Invalid

Strategy = Literal["round_robin", "least_loaded", "territory", "weighted"]
Reason = Literal[
    "chosen",
    "next_in_turn_was_another",
    "another_has_fewer_open_leads",
    "another_is_owed_more",
    "other_territory",
    "lacks_skill",
    "lacks_language",
    "no_weight",
    "absent",
    "out_of_hours",
    "full",
    "inactive",
    "not_a_rep",
    "unknown_user",
    "had_the_lead",
]


class RuleImpossible(Invalid):
    code = "rule_impossible"
    title = "A rule that cannot work"


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule as it is now.

    `version` grows with each change; candidates are users in order, or a unit's reps. They must have all of
    `skills` and `languages`, fewer than `max_open_leads`, and work just now if `working_hours_only`.
    """

    id: UUID
    version: int
    name: str
    position: int
    strategy: Strategy
    conditions: Conditions = field(default_factory=Conditions)
    user_ids: tuple[UUID, ...] = ()
    unit_id: UUID | None = None
    max_open_leads: int | None = None
    working_hours_only: bool = False
    skills: tuple[str, ...] = ()
    languages: tuple[str, ...] = ()
    weights: Weights = field(default_factory=Weights)
    active: bool = True


@dataclass(frozen=True, slots=True)
class Candidate:
    """A user whom a rule names. `last_turn` is the rule's turn that was theirs last, 0 for none yet.

    `credit` is what a weighted rule owes them, `owed_turns` how many turns came back to them.
    `absent_until`: they are away; `off_at`: it is outside their working hours, by this local time of theirs.
    `had_it`: it is to be taken from them. `reached`: of the metric that the rule's weights follow.
    """

    user_id: UUID
    region: str | None = None
    territories: frozenset[str] = frozenset()
    level: str | None = None
    skills: frozenset[str] = frozenset()
    languages: frozenset[str] = frozenset()
    capacity: int | None = None
    open_leads: int = 0
    last_turn: int = 0
    credit: int = 0
    owed_turns: int = 0
    absent_until: datetime | None = None
    off_at: datetime | None = None
    known: bool = True
    active: bool = True
    is_rep: bool = True
    had_it: bool = False
    reached: Reached | None = None


@dataclass(frozen=True, slots=True)
class Verdict:
    """What was found of one candidate, who is as they were when it was found.

    `most_open`: as many open leads are too many for them; `weight`: their share, in a weighted rule.
    """

    candidate: Candidate
    reason: Reason
    most_open: int | None
    weight: int | None

    @property
    def user_id(self) -> UUID:
        return self.candidate.user_id


def check_rule(rule: Rule) -> None:
    """Raises RuleImpossible naming everything that contradicts itself."""
    errors = contradictions(rule.conditions)
    errors += weights_wrong(rule.weights, weighted=rule.strategy == "weighted")
    if errors:
        raise RuleImpossible(errors[0].detail, errors=errors)


def choose(rule: Rule, facts: Facts, candidates: Sequence[Candidate]) -> list[Verdict]:
    """A verdict for every candidate, in the rule's order; at most one is `chosen`.

    Round robin takes whoever is owed a turn, else whoever waited longest, in the rule's order among equals,
    so that a newcomer gets one turn and then waits like everyone; least loaded the fewest open leads, then
    the longest wait; territory only reps of the lead's region, then as round robin; weighted whoever is owed
    most once each free one has been owed their weight more.
    """
    limits = [_limit(rule, one) for one in candidates]
    weights = _weights(rule, candidates)
    barred = [
        _barred(rule, facts, one, limit, weight)
        for one, limit, weight in zip(candidates, limits, weights, strict=True)
    ]
    free = [at for at, reason in enumerate(barred) if reason is None]
    winner = min(free, key=lambda at: _rank(rule.strategy, candidates[at], weights[at], at), default=None)
    lost = _LOST.get(rule.strategy, "next_in_turn_was_another")
    return [
        Verdict(one, "chosen" if at == winner else barred[at] or lost, limits[at], weights[at])
        for at, one in enumerate(candidates)
    ]


_LOST: dict[Strategy, Reason] = {
    "least_loaded": "another_has_fewer_open_leads",
    "weighted": "another_is_owed_more",
}


def _rank(strategy: Strategy, one: Candidate, weight: int | None, at: int) -> tuple[int, int, int]:
    if strategy == "weighted":
        return (-(one.credit + (weight or 0)), 0, at)
    if strategy == "least_loaded":
        return (one.open_leads, one.last_turn, at)
    return (0 if one.owed_turns else 1, one.last_turn, at)


def _weights(rule: Rule, candidates: Sequence[Candidate]) -> Sequence[int | None]:
    if rule.strategy != "weighted":
        return [None] * len(candidates)
    return rule.weights.all_of([(one.level, one.reached) for one in candidates])


def makes_up(rule: Rule, one: Candidate) -> bool:
    """Whether a lead for them is for a turn that came back: their place among the others stays."""
    return rule.strategy in ("round_robin", "territory") and one.owed_turns > 0


def owed(verdicts: Sequence[Verdict]) -> dict[UUID, int]:
    """How a weighted decision changes what each free candidate is owed; the changes add up to nothing.

    Each is owed their weight more, and the one chosen has had the weight of all of them. So over as many
    leads as the weights add up to each gets exactly theirs, evenly spread.
    """
    free = {
        one.user_id: one.weight
        for one in verdicts
        if one.weight is not None and one.reason in ("chosen", "another_is_owed_more")
    }
    winner = chosen(verdicts)
    total = sum(free.values())
    return {user: weight - (total if user == winner else 0) for user, weight in free.items()}


def _limit(rule: Rule, one: Candidate) -> int | None:
    """As many open leads are too many: by the rule, or by their own capacity."""
    given = [each for each in (rule.max_open_leads, one.capacity) if each is not None]
    return min(given, default=None)


def _barred(rule: Rule, facts: Facts, one: Candidate, limit: int | None, weight: int | None) -> Reason | None:
    checks: tuple[tuple[bool, Reason], ...] = (
        (not one.known, "unknown_user"),
        (not one.active, "inactive"),
        (not one.is_rep, "not_a_rep"),
        (one.had_it, "had_the_lead"),
        (rule.strategy == "territory" and not covers(one, facts.region), "other_territory"),
        (not one.skills.issuperset(rule.skills), "lacks_skill"),
        (not one.languages.issuperset(rule.languages), "lacks_language"),
        (weight == 0, "no_weight"),
        (one.absent_until is not None, "absent"),
        (rule.working_hours_only and one.off_at is not None, "out_of_hours"),
        (limit is not None and one.open_leads >= limit, "full"),
    )
    return next((reason for bars, reason in checks if bars), None)


def covers(one: Candidate, region: str | None) -> bool:
    """By the territories of their profile, or because their team is there."""
    return region is not None and (region in one.territories or region == one.region)


def chosen(verdicts: Sequence[Verdict]) -> UUID | None:
    """The user who gets the lead; None if nobody may."""
    return next((verdict.user_id for verdict in verdicts if verdict.reason == "chosen"), None)


@dataclass(frozen=True, slots=True)
class Consulted:
    """One rule that was looked at: `failed` names the condition that did not hold, None if it applied."""

    rule: Rule
    failed: str | None
    verdicts: tuple[Verdict, ...] = ()


def decide(
    rules: Sequence[Rule], facts: Facts, candidates: Mapping[UUID, Sequence[Candidate]]
) -> tuple[UUID | None, list[Consulted]]:
    """The new owner and everything considered: rules in order until one that applies has somebody free.

    `candidates` by rule id, for the rules that apply. A rule that applies but has nobody free passes on to
    the next.
    """
    consulted: list[Consulted] = []
    for rule in sorted((rule for rule in rules if rule.active), key=lambda rule: (rule.position, rule.id)):
        failed = failed_condition(rule.conditions, facts)
        verdicts = () if failed else tuple(choose(rule, facts, candidates.get(rule.id, ())))
        consulted.append(Consulted(rule, failed, verdicts))
        winner = chosen(verdicts)
        if winner is not None:
            return winner, consulted
    return None, consulted
