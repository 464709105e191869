"""How shares follow what was reached. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from fractions import Fraction

from shared.contracts.scoring import Direction, RepMetric

AS_IT_IS = 100
"""Per cent."""


@dataclass(frozen=True, slots=True)
class Share:
    """Weights follow a metric: of this month and those before it, `months` in all.

    Somebody's weight is multiplied by how they compare with the mean, in per cent from `least` to `most`.
    """

    metric: RepMetric
    months: int = 3
    least: int = 50
    most: int = 200


@dataclass(frozen=True, slots=True)
class Reached:
    """A metric's value of one rep; whether more of it is better."""

    value: Fraction
    direction: Direction


def first_month(today: date, months: int) -> date:
    """The first day of the earliest of so many months, of which today's is the last."""
    years, month = divmod(today.year * 12 + today.month - months, 12)
    return date(years, month + 1, 1)


def per_cent(share: Share, reached: Sequence[Reached | None]) -> list[int]:
    """By how much the weight of each is multiplied, in their order.

    Whoever has no data, and everybody where the mean says nothing, keeps theirs as it is.
    """
    known = [one.value for one in reached if one is not None]
    mean = sum(known, Fraction()) / len(known) if known else Fraction()
    if mean <= 0:
        return [AS_IT_IS] * len(reached)
    return [AS_IT_IS if one is None else _compared(share, one, mean) for one in reached]


def _compared(share: Share, one: Reached, mean: Fraction) -> int:
    if one.direction == "up":
        ratio = one.value / mean
    elif one.value <= 0:
        return share.most
    else:
        ratio = mean / one.value
    return min(max(round(ratio * AS_IT_IS), share.least), share.most)
