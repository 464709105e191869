"""Who gets a lead, by ordered rules with conditions, candidates and a strategy; and why nobody else does."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal
from uuid import UUID

Strategy = Literal["round_robin", "least_loaded", "territory"]
Reason = Literal[
    "chosen",
    "next_in_turn_was_another",
    "another_has_fewer_open_leads",
    "other_territory",
    "full",
    "inactive",
    "not_a_rep",
    "unknown_user",
]


@dataclass(frozen=True, slots=True)
class Conditions:
    """All that are given must hold; within one, any of its values. None of them: every lead.

    Amounts in minor units of the tenant's currency, both ends inclusive.
    """

    source: tuple[str, ...] = ()
    channel: tuple[str, ...] = ()
    region: tuple[str, ...] = ()
    product: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    value_from: int | None = None
    value_to: int | None = None


@dataclass(frozen=True, slots=True)
class Facts:
    """What rules look at. `value_minor` in the tenant's currency, None if the lead has no value."""

    source: str | None = None
    channel: str | None = None
    region: str | None = None
    product: str | None = None
    tags: tuple[str, ...] = ()
    value_minor: int | None = None


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule as it is now.

    `version` grows with each change; candidates are users in order, or a unit's reps.
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
    active: bool = True


@dataclass(frozen=True, slots=True)
class Candidate:
    """A user whom a rule names. `last_turn` is the rule's turn that was theirs last, 0 for none yet."""

    user_id: UUID
    region: str | None = None
    open_leads: int = 0
    last_turn: int = 0
    known: bool = True
    active: bool = True
    is_rep: bool = True


@dataclass(frozen=True, slots=True)
class Verdict:
    """What was found of one candidate, with the figures that decided."""

    user_id: UUID
    reason: Reason
    open_leads: int
    last_turn: int
    region: str | None


def failed_condition(conditions: Conditions, facts: Facts) -> str | None:
    """The name of the first condition that does not hold; None if the rule applies."""
    wanted: tuple[tuple[str, tuple[str, ...], str | None], ...] = (
        ("source", conditions.source, facts.source),
        ("channel", conditions.channel, facts.channel),
        ("region", conditions.region, facts.region),
        ("product", conditions.product, facts.product),
    )
    for name, values, value in wanted:
        if values and value not in values:
            return name
    if conditions.tags and not set(conditions.tags) & set(facts.tags):
        return "tags"
    return None if _value_within(conditions, facts.value_minor) else "value"


def _value_within(conditions: Conditions, value: int | None) -> bool:
    if conditions.value_from is None and conditions.value_to is None:
        return True
    if value is None:
        return False
    low = conditions.value_from is None or value >= conditions.value_from
    return low and (conditions.value_to is None or value <= conditions.value_to)


def choose(rule: Rule, facts: Facts, candidates: Sequence[Candidate]) -> list[Verdict]:
    """A verdict for every candidate, in the rule's order; at most one is `chosen`.

    Round robin takes whoever waited longest, in the rule's order among equals, so that a newcomer gets one
    turn and then waits like everyone; least loaded the fewest open leads, then the longest wait; territory
    only reps of the lead's region, then the longest wait.
    """
    barred = {one.user_id: _barred(rule, facts, one) for one in candidates}
    free = [(at, one) for at, one in enumerate(candidates) if barred[one.user_id] is None]
    loaded = rule.strategy == "least_loaded"
    winner = min(free, key=lambda pair: _rank(pair, loaded=loaded), default=None)
    chosen = winner[1].user_id if winner else None
    lost: Reason = "another_has_fewer_open_leads" if loaded else "next_in_turn_was_another"
    verdicts = []
    for one in candidates:
        reason = "chosen" if one.user_id == chosen else barred[one.user_id] or lost
        verdicts.append(Verdict(one.user_id, reason, one.open_leads, one.last_turn, one.region))
    return verdicts


def _rank(pair: tuple[int, Candidate], *, loaded: bool) -> tuple[int, int, int]:
    at, one = pair
    return (one.open_leads if loaded else 0, one.last_turn, at)


def _barred(rule: Rule, facts: Facts, one: Candidate) -> Reason | None:
    if not one.known:
        return "unknown_user"
    if not one.active:
        return "inactive"
    if not one.is_rep:
        return "not_a_rep"
    if rule.strategy == "territory" and (one.region is None or one.region != facts.region):
        return "other_territory"
    if rule.max_open_leads is not None and one.open_leads >= rule.max_open_leads:
        return "full"
    return None


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
