"""Which leads a rule is about. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from shared.errors import FieldError


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
    label: tuple[str, ...] = ()
    value_class: tuple[str, ...] = ()
    intent: tuple[str, ...] = ()
    score_from: int | None = None
    score_to: int | None = None
    campaign: tuple[str, ...] = ()

    @classmethod
    def stored(cls, told: Mapping[str, Any]) -> Conditions:
        """As they are stored; what is not among them was not demanded."""
        values: dict[str, Any] = {
            name: tuple(one) if isinstance(one, list) else one for name, one in told.items()
        }
        return cls(**values)


@dataclass(frozen=True, slots=True)
class Facts:
    """What rules look at. `value_minor` in the tenant's currency, None if the lead has no value."""

    source: str | None = None
    channel: str | None = None
    region: str | None = None
    product: str | None = None
    tags: tuple[str, ...] = ()
    value_minor: int | None = None
    do_not_contact: bool = False
    label: str | None = None
    value_class: str | None = None
    intent: str | None = None
    score: int | None = None
    campaign: str | None = None


def contradictions(conditions: Conditions) -> list[FieldError]:
    """Why no lead can ever meet them."""
    ranges = (
        ("value", conditions.value_from, conditions.value_to),
        ("score", conditions.score_from, conditions.score_to),
    )
    return [
        FieldError(
            f"/conditions/{name}_from", "contradiction", f"no {name} is from there on and up to `{name}_to`"
        )
        for name, low, high in ranges
        if low is not None and high is not None and low > high
    ]


def failed_condition(conditions: Conditions, facts: Facts) -> str | None:
    """The name of the first condition that does not hold; None if the rule applies.

    No rule applies to a lead of somebody who wishes not to be contacted.
    """
    if facts.do_not_contact:
        return "do_not_contact"
    wanted: tuple[tuple[str, tuple[str, ...], str | None], ...] = (
        ("source", conditions.source, facts.source),
        ("channel", conditions.channel, facts.channel),
        ("campaign", conditions.campaign, facts.campaign),
        ("region", conditions.region, facts.region),
        ("product", conditions.product, facts.product),
        ("label", conditions.label, facts.label),
        ("value_class", conditions.value_class, facts.value_class),
        ("intent", conditions.intent, facts.intent),
    )
    for name, values, value in wanted:
        if values and value not in values:
            return name
    if conditions.tags and not set(conditions.tags) & set(facts.tags):
        return "tags"
    if not _within(conditions.value_from, conditions.value_to, facts.value_minor):
        return "value"
    return None if _within(conditions.score_from, conditions.score_to, facts.score) else "score"


def _within(low: int | None, high: int | None, number: int | None) -> bool:
    if low is None and high is None:
        return True
    return number is not None and (low is None or number >= low) and (high is None or number <= high)
