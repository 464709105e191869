"""From sums to answers: values of metrics, and ranks. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction

from services.scoring.kpis.catalogue import Metric, Part

Sums = Mapping[Part, int]


@dataclass(frozen=True, slots=True)
class Figure:
    """A metric's exact value in its unit (money in minor units), with what it was divided from; None = no
    data.
    """

    value: Fraction | None
    numerator: Fraction
    denominator: int | None


def figure(metric: Metric, sums: Sums) -> Figure:
    """Compute a metric from the sums of its parts."""
    numerator = Fraction(sum(sums[part] for part in metric.numerator), metric.scale)
    denominator = sum(sums[part] for part in metric.denominator) if metric.denominator else None
    if denominator == 0 or (metric.needs and not any(sums[part] for part in metric.needs)):
        return Figure(None, numerator, denominator)
    return Figure(numerator / denominator if denominator else numerator, numerator, denominator)


def number(value: Fraction) -> int | float:
    """As JSON says it: whole numbers without a point, others with all the digits of a double."""
    return value.numerator if value.denominator == 1 else value.numerator / value.denominator


def whole_minor(value: Fraction) -> int:
    """Minor units of money, half to even as everywhere else."""
    return round(value)


@dataclass(frozen=True, slots=True)
class Standing:
    """One rep's place: equal values share a rank, the next one counts them all (1, 1, 3)."""

    rank: int
    key: int
    figure: Figure


def ranked(metric: Metric, figures: Sequence[tuple[int, Figure]]) -> list[Standing]:
    """Those with a value, best first by the metric's direction; equal ones in the order of their keys."""
    sign = -1 if metric.direction == "up" else 1
    ordered = sorted(
        ((sign * each.value, key, each) for key, each in figures if each.value is not None),
        key=lambda e: e[:2],
    )
    standings: list[Standing] = []
    for place, (value, key, each) in enumerate(ordered, start=1):
        tied = standings and ordered[place - 2][0] == value
        standings.append(Standing(standings[-1].rank if tied else place, key, each))
    return standings
