"""Which leads a rule is about. Pure."""

from __future__ import annotations

from dataclasses import dataclass

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


def contradictions(conditions: Conditions) -> list[FieldError]:
    """Why no lead can ever meet them."""
    low, high = conditions.value_from, conditions.value_to
    if low is None or high is None or low <= high:
        return []
    detail = "no value is from there on and up to `value_to`"
    return [FieldError("/conditions/value_from", "contradiction", detail)]


def failed_condition(conditions: Conditions, facts: Facts) -> str | None:
    """The name of the first condition that does not hold; None if the rule applies.

    No rule applies to a lead of somebody who wishes not to be contacted.
    """
    if facts.do_not_contact:
        return "do_not_contact"
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
