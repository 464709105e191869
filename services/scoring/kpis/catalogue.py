"""What is measured: measures (what facts count and sum) and metrics (what is asked for), as data.

A measure's number is stored in facts and its slots are columns of cells: numbers and slots are given once
and never given to another.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import IntEnum
from typing import Literal

Kind = Literal["count", "money", "ratio", "mean"]
Column = Literal["n", "v"]

SLOTS_PER_FAMILY = 16


class Measure(IntEnum):
    """What one fact is about. `n` counts (+1, or -1 when it no longer holds), `v` sums."""

    CREATED = 1
    ASSIGNED = 2
    MOVED = 3
    WON = 4
    LOST = 5
    REVENUE = 6
    CYCLE = 7
    RESPONSE = 8
    VISIT = 9
    CALL = 10
    TASK = 11
    WORKED_RESPONSE = 12


@dataclass(frozen=True, slots=True)
class Slot:
    """Where a measure's count or sum stands in a row of cells: column `s{index}` of the row of that
    family.
    """

    family: int
    index: int


SLOTS: dict[tuple[Measure, Column], Slot] = {
    (Measure.CREATED, "n"): Slot(0, 0),
    (Measure.ASSIGNED, "n"): Slot(0, 1),
    (Measure.MOVED, "n"): Slot(0, 2),
    (Measure.WON, "n"): Slot(0, 3),
    (Measure.LOST, "n"): Slot(0, 4),
    (Measure.REVENUE, "n"): Slot(0, 5),
    (Measure.REVENUE, "v"): Slot(0, 6),
    (Measure.CYCLE, "n"): Slot(0, 7),
    (Measure.CYCLE, "v"): Slot(0, 8),
    (Measure.RESPONSE, "n"): Slot(0, 9),
    (Measure.RESPONSE, "v"): Slot(0, 10),
    (Measure.VISIT, "n"): Slot(0, 11),
    (Measure.CALL, "n"): Slot(0, 12),
    (Measure.TASK, "n"): Slot(0, 13),
    (Measure.WORKED_RESPONSE, "n"): Slot(0, 14),
    (Measure.WORKED_RESPONSE, "v"): Slot(0, 15),
}

EVENT_OF: dict[Measure, tuple[str, str]] = {
    Measure.CREATED: ("cox.leads.lead_created.v1", "lead"),
    Measure.ASSIGNED: ("cox.leads.lead_assigned.v1", "lead"),
    **dict.fromkeys(
        (Measure.MOVED, Measure.WON, Measure.LOST, Measure.REVENUE, Measure.CYCLE),
        ("cox.leads.stage_changed.v1", "lead"),
    ),
    **dict.fromkeys(
        (Measure.RESPONSE, Measure.VISIT, Measure.CALL, Measure.TASK),
        ("cox.activities.activity_recorded.v1", "activity"),
    ),
    Measure.WORKED_RESPONSE: ("cox.leads.response_given.v1", "lead"),
}
"""The type, and the kind of aggregate, of the event that establishes a fact of each measure."""


@dataclass(frozen=True, slots=True)
class Part:
    """The count or the sum of a measure."""

    measure: Measure
    column: Column


@dataclass(frozen=True, slots=True)
class Metric:
    """A definition: numerator / denominator / scale (or the numerator alone), and where its evidence lies.

    `shown_by` are the parts of which at least one must differ from zero for a row to be shown; a row that
    is shown has the value null where `needs` (counted) or the denominator is zero: no data is not zero.
    """

    name: str
    kind: Kind
    unit: str
    direction: Literal["up", "down"]
    description: str
    numerator: tuple[Part, ...]
    evidence: tuple[Measure, ...]
    denominator: tuple[Part, ...] = ()
    needs: tuple[Part, ...] = ()
    shown_by: tuple[Part, ...] = ()
    scale: int = 1

    @property
    def parts(self) -> tuple[Part, ...]:
        """Every count and sum that the metric is computed from, each once, in a fixed order."""
        return tuple(
            dict.fromkeys(
                (*self.numerator, *self.denominator, *self.needs, *(self.shown_by or self.numerator))
            )
        )

    @property
    def measures(self) -> tuple[Measure, ...]:
        return tuple(dict.fromkeys(part.measure for part in self.parts))

    @property
    def events(self) -> tuple[str, ...]:
        """Types of the events that establish its facts."""
        return tuple(dict.fromkeys(EVENT_OF[measure][0] for measure in self.measures))


def _n(*measures: Measure) -> tuple[Part, ...]:
    return tuple(Part(measure, "n") for measure in measures)


def _v(*measures: Measure) -> tuple[Part, ...]:
    return tuple(Part(measure, "v") for measure in measures)


def _count(name: str, measure: Measure, description: str, direction: Literal["up", "down"] = "up") -> Metric:
    return Metric(name, "count", "count", direction, description, _n(measure), evidence=(measure,))


def _by_name(metrics: Iterable[Metric]) -> dict[str, Metric]:
    return {metric.name: metric for metric in metrics}


METRICS: dict[str, Metric] = _by_name(
    (
        _count(
            "leads_created",
            Measure.CREATED,
            "Leads by their start. The rep is the creator, if a rep.",
        ),
        _count(
            "leads_assigned",
            Measure.ASSIGNED,
            "Assignments, reassignments included, credited to the new owner.",
        ),
        Metric(
            "first_response_seconds",
            "mean",
            "seconds",
            "down",
            "Mean elapsed seconds from a lead's first assignment to its owner's first effective activity, on "
            "that activity's day.",
            _v(Measure.RESPONSE),
            evidence=(Measure.RESPONSE,),
            denominator=_n(Measure.RESPONSE),
            shown_by=_n(Measure.RESPONSE),
        ),
        Metric(
            "first_response_business_seconds",
            "mean",
            "seconds",
            "down",
            "Mean of the owner's working time from being given a lead to their first effective follow-up, on "
            "its day; of leads that a response rule watches.",
            _v(Measure.WORKED_RESPONSE),
            evidence=(Measure.WORKED_RESPONSE,),
            denominator=_n(Measure.WORKED_RESPONSE),
            shown_by=_n(Measure.WORKED_RESPONSE),
        ),
        _count("stage_moves", Measure.MOVED, "Accepted moves, outcomes and reopenings included."),
        _count(
            "deals_won",
            Measure.WON,
            "Won outcomes that stand, once per lead, on the day of the outcome. Reopening retracts it.",
        ),
        _count(
            "deals_lost",
            Measure.LOST,
            "Lost outcomes that stand, once per lead, on the day of the outcome. Reopening retracts it.",
            "down",
        ),
        Metric(
            "won_revenue",
            "money",
            "money",
            "up",
            "Value of the deals won, in the tenant's currency at the dated rate; null where none has one.",
            _v(Measure.REVENUE),
            evidence=(Measure.REVENUE,),
            needs=_n(Measure.REVENUE),
            shown_by=_n(Measure.WON),
        ),
        Metric(
            "win_rate",
            "ratio",
            "ratio",
            "up",
            "Deals won / (won + lost), from 0 to 1.",
            _n(Measure.WON),
            evidence=(Measure.WON, Measure.LOST),
            denominator=_n(Measure.WON, Measure.LOST),
            shown_by=_n(Measure.WON, Measure.LOST),
        ),
        Metric(
            "sales_cycle_days",
            "mean",
            "days",
            "down",
            "Mean days from start to won, of the deals won whose start is known, on the day of the outcome.",
            _v(Measure.CYCLE),
            evidence=(Measure.CYCLE,),
            denominator=_n(Measure.CYCLE),
            shown_by=_n(Measure.WON),
            scale=86_400,
        ),
        Metric(
            "average_deal",
            "money",
            "money",
            "up",
            "Won revenue / deals won; null where none of them has a value.",
            _v(Measure.REVENUE),
            evidence=(Measure.WON, Measure.REVENUE),
            denominator=_n(Measure.WON),
            needs=_n(Measure.REVENUE),
            shown_by=_n(Measure.WON),
        ),
        _count("visits", Measure.VISIT, "Visits, by who made them."),
        _count("calls", Measure.CALL, "Calls, by who made them."),
        _count("tasks", Measure.TASK, "Tasks done, by who did them."),
    )
)
"""Every metric by its name."""

METRICS_OF: dict[Measure, tuple[str, ...]] = {
    measure: tuple(name for name, metric in METRICS.items() if measure in metric.measures)
    for measure in Measure
}
"""The metrics that a fact of each measure changes."""
