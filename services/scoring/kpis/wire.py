"""Models of answers: numbers as they cross the wire."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from fractions import Fraction
from typing import Literal

from pydantic import Field

from services.scoring.kpis.catalogue import EVENT_OF, Kind, Measure, Metric
from services.scoring.kpis.questions import By
from services.scoring.kpis.rules import Standing, number, whole_minor
from services.scoring.kpis.scope import Named
from services.scoring.kpis.use_cases import Proof, Row
from shared.access.directory import Tenant
from shared.events.consuming.registry import Progress
from shared.money import from_minor
from shared.web.paging import Page
from shared.web.wire import MoneyOut, WireModel

Value = float | int | MoneyOut | None
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def shown(metric: Metric, value: Fraction | None, tenant: Tenant) -> Value:
    """A figure in its metric's own form; money rounded to whole minor units, half to even."""
    if value is None:
        return None
    if metric.kind == "money":
        return MoneyOut.of(from_minor(whole_minor(value), tenant.currency))
    return number(value)


def unit_of(metric: Metric, tenant: Tenant) -> str:
    return tenant.currency if metric.kind == "money" else metric.unit


class KpiOut(WireModel):
    """One number. `value` = numerator / denominator where there is one; null = no data, which is not zero."""

    metric: str
    by: By
    key: str = Field(description="Id or code of what the row is about.")
    label: str = Field(description="Its present display name.")
    period_start: date
    value: Value
    numerator: Value
    denominator: int | None
    unit: str = Field(description="count, seconds, days, ratio, or the currency.")

    @classmethod
    def of(cls, metric: Metric, by: By, row: Row, tenant: Tenant) -> KpiOut:
        return cls(
            metric=metric.name,
            by=by,
            key=row.named.key,
            label=row.named.label,
            period_start=row.period_start,
            value=shown(metric, row.figure.value, tenant),
            numerator=shown(metric, row.figure.numerator, tenant),
            denominator=row.figure.denominator,
            unit=unit_of(metric, tenant),
        )


class Freshness(WireModel):
    as_of: datetime | None = Field(
        description="When the newest event applied was published; null before the first."
    )
    lag_events: int = Field(description="How many published events are not applied yet.")


class KpiPage(Page[KpiOut], Freshness):
    """Numbers by period and key."""


class PlaceOut(WireModel):
    """One rep's place in a leaderboard; equal values share a rank."""

    rank: int
    key: str
    label: str
    value: Value
    numerator: Value
    denominator: int | None
    unit: str

    @classmethod
    def of(cls, metric: Metric, standing: Standing, named: Named, tenant: Tenant) -> PlaceOut:
        return cls(
            rank=standing.rank,
            key=named.key,
            label=named.label,
            value=shown(metric, standing.figure.value, tenant),
            numerator=shown(metric, standing.figure.numerator, tenant),
            denominator=standing.figure.denominator,
            unit=unit_of(metric, tenant),
        )


class Leaderboard(Page[PlaceOut], Freshness):
    """Reps, best first by the metric's direction."""

    metric: str
    grain: str
    period_start: date
    direction: Literal["up", "down"]


class EvidenceOut(WireModel):
    """An event behind a number: its place in the event stream, whose it was, what it adds."""

    event_id: str
    type: str
    aggregate_type: str
    aggregate_id: str
    seq: int
    occurred_at: datetime
    day: date
    rep_id: str | None
    team_id: str | None
    region: str | None
    product: str | None
    channel: str | None
    value: Value
    unit: str

    @classmethod
    def of(cls, metric: Metric, proof: Proof, tenant: Tenant) -> EvidenceOut:
        event, keys = proof.event, proof.keys
        event_type, aggregate_type = EVENT_OF[Measure(event.measure)]
        summed = any(part.column == "v" for part in metric.numerator)
        return cls(
            event_id=str(event.event_id),
            type=event_type,
            aggregate_type=aggregate_type,
            aggregate_id=str(event.aggregate_id),
            seq=event.seq,
            occurred_at=_EPOCH + timedelta(microseconds=event.at_us),
            day=event.day,
            rep_id=keys["rep"],
            team_id=keys["team"],
            region=keys["region"],
            product=keys["product"],
            channel=keys["channel"],
            value=shown(metric, Fraction(event.amount, metric.scale), tenant) if summed else 1,
            unit=unit_of(metric, tenant) if summed else "count",
        )


class EvidencePage(Page[EvidenceOut], Freshness):
    """Events by event time."""


class Definition(WireModel):
    """What a metric means: how it is computed, from which events, and which way is better."""

    metric: str
    kind: Kind
    unit: str
    direction: Literal["up", "down"]
    description: str
    numerator: list[str]
    denominator: list[str]
    source_events: list[str]
    evidence: list[str]
    grains: list[str]
    dimensions: list[str]

    @classmethod
    def of(cls, metric: Metric, grains: tuple[str, ...], dimensions: tuple[str, ...]) -> Definition:
        return cls(
            metric=metric.name,
            kind=metric.kind,
            unit=metric.unit,
            direction=metric.direction,
            description=metric.description,
            numerator=[
                f"{'count' if p.column == 'n' else 'sum'}:{p.measure.name.lower()}" for p in metric.numerator
            ],
            denominator=[f"count:{part.measure.name.lower()}" for part in metric.denominator],
            source_events=list(metric.events),
            evidence=[EVENT_OF[measure][0] for measure in metric.evidence],
            grains=list(grains),
            dimensions=list(dimensions),
        )


def freshness(progress: Progress) -> dict[str, object]:
    """What stands beside every page of numbers."""
    return Freshness(as_of=progress.as_of, lag_events=progress.lag_events).model_dump(mode="json")
