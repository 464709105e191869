"""Published by scoring on `cox.scoring`."""

from __future__ import annotations

from datetime import date
from typing import ClassVar, Literal
from uuid import UUID

from shared.contracts.base import Event, Value

Direction = Literal["up", "down"]
"""Whether more of a metric is better, or less."""
RepMetric = Literal[
    "leads_created",
    "leads_assigned",
    "first_response_seconds",
    "first_response_business_seconds",
    "stage_moves",
    "deals_won",
    "deals_lost",
    "won_revenue",
    "win_rate",
    "sales_cycle_days",
    "average_deal",
    "visits",
    "calls",
    "tasks",
]
"""What scoring measures of a rep."""


class ScoringEvent(Event):
    topic: ClassVar[str] = "cox.scoring"


class Reach(Value):
    """A metric's figure: `numerator` / `denominator`, or the numerator alone.

    In the smallest unit: counts, seconds, minor units of the tenant's currency.
    """

    metric: str
    direction: Direction
    numerator: int
    denominator: int | None = None


class RepMeasured(ScoringEvent):
    """What a rep has reached in a month (its first day, the tenant's), of all metrics that have data.

    Told at most once a minute for each month, and not of months that began more than a year ago. The newest
    one of a month replaces those before.
    """

    aggregate_type: ClassVar[str] = "rep"
    rep_id: UUID
    month: date
    reaches: tuple[Reach, ...]


class KpiRecalculated(ScoringEvent):
    """A notice that numbers of a rep (or, with no rep, of the tenant) changed; nothing is rebuilt from it.

    At most one a second per aggregate. `days` are the tenant-local days touched, the newest 31 of them.
    """

    aggregate_type: ClassVar[str] = "kpi_notice"
    rep_id: UUID | None
    metrics: tuple[str, ...]
    days: tuple[date, ...]
