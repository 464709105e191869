"""`/v1/kpis`, their evidence and definitions, and leaderboards."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from enum import Enum
from typing import Annotated, get_args
from uuid import UUID
from zoneinfo import ZoneInfo

from fastapi import Depends, Query
from starlette.requests import Request
from starlette.responses import Response

from services.scoring.kpis import use_cases
from services.scoring.kpis.catalogue import METRICS
from services.scoring.kpis.freshness import Place, progress_of
from services.scoring.kpis.periods import Grain, period_start
from services.scoring.kpis.questions import By
from services.scoring.kpis.use_cases import Asked
from services.scoring.kpis.views import Dimension
from services.scoring.kpis.wire import (
    Definition,
    EvidenceOut,
    EvidencePage,
    KpiOut,
    KpiPage,
    Leaderboard,
    PlaceOut,
    freshness,
)
from shared.access.directory import tenant_of
from shared.errors import FieldError, Invalid
from shared.web.context import context_of
from shared.web.paging import Page, PageQuery, page_query
from shared.web.reads import Read, read_access
from shared.web.routing import Router
from shared.web.wire import Day, Id, Line

router = Router(tags=["kpis"])

MetricName = Enum("MetricName", {name: name for name in METRICS}, type=str)  # type: ignore[misc]
Reading = Annotated[Read, Depends(read_access("kpis:read"))]
Paging = Annotated[PageQuery, Depends(page_query)]
Code = Annotated[str, Line(200)]


async def asked_filters(
    rep: Annotated[Id | None, Query(description="Only this rep's facts.")] = None,
    team: Annotated[Id | None, Query(description="Only this unit's facts, with all units below it.")] = None,
    region: Annotated[Code | None, Query(description="Only facts of this region (its code).")] = None,
    product: Annotated[Code | None, Query(description="Only facts of this product (its code).")] = None,
    channel: Annotated[Code | None, Query(description="Only facts of this channel (its code).")] = None,
) -> dict[Dimension, str]:
    """The dimensions that filter, any of them together."""
    given: dict[Dimension, object | None] = {
        "rep": rep,
        "team": team,
        "region": region,
        "product": product,
        "channel": channel,
    }
    return {name: str(value) for name, value in given.items() if value is not None}


async def log_ends(request: Request) -> Mapping[Place, int]:
    """Asked before a database connection is taken: Kafka may answer late."""
    known: Mapping[Place, int] = await request.app.state.log_ends.ends()
    return known


Filters = Annotated[dict[Dimension, str], Depends(asked_filters)]
Ends = Annotated[Mapping[Place, int], Depends(log_ends)]


@router.get("/v1/kpis", response_model=KpiPage, summary="Numbers of a metric by period and key")
async def get_kpis(
    read: Reading,
    page: Paging,
    filters: Filters,
    ends: Ends,
    metric: Annotated[MetricName, Query()],
    by: Annotated[By, Query(description="What the rows are keyed by.")] = "tenant",
    grain: Annotated[Grain, Query(description="Length of the periods; weeks are ISO.")] = "month",
    first: Annotated[
        Day | None, Query(alias="from", description="Inclusive; its period is answered whole.")
    ] = None,
    last: Annotated[
        Day | None, Query(alias="to", description="Inclusive; its period is answered whole.")
    ] = None,
) -> Response:
    """Periods in the tenant's time zone. Facts without the dimension asked for are in no row."""
    if first is not None and last is not None and first > last:
        detail = "`from` is not after `to`"
        raise Invalid(detail, errors=[FieldError("/query/from", "out_of_order", detail)])
    asked = Asked(METRICS[metric.value], by, grain, filters)
    async with read.transaction() as tx:
        rows, tenant = await use_cases.list_kpis(
            tx, read.principal.access(), asked, first, last, after=_after(page), limit=page.limit + 1
        )
        progress = await progress_of(tx, ends)
    return page.answer(
        rows,
        key=lambda row: (row.period_start, row.surrogate),
        render=lambda row: KpiOut.of(asked.metric, by, row, tenant),
        extra=freshness(progress),
    )


@router.get("/v1/kpis/definitions", response_model=Page[Definition], summary="What every metric means")
async def get_definitions(read: Reading, page: Paging) -> Response:
    """The catalogue: each metric with its formula, source events, direction and evidence."""
    return page.answer_of_all(
        list(enumerate(METRICS.values())),
        key=lambda row: (row[0],),
        render=lambda row: Definition.of(row[1], get_args(Grain), get_args(By)),
    )


@router.get("/v1/kpis/evidence", response_model=EvidencePage, summary="The events behind one number")
async def get_evidence(
    read: Reading,
    page: Paging,
    filters: Filters,
    ends: Ends,
    metric: Annotated[MetricName, Query()],
    period: Annotated[
        Day, Query(alias="period_start", description="A day of the period, such as its first.")
    ],
    by: Annotated[By, Query(description="As in /v1/kpis.")] = "tenant",
    key: Annotated[Code | None, Query(description="As in /v1/kpis; needed unless by=tenant.")] = None,
    grain: Annotated[Grain, Query(description="As in /v1/kpis.")] = "month",
) -> Response:
    """In the order of event time; what was taken back (a reopened outcome) is not listed."""
    asked = Asked(METRICS[metric.value], by, grain, filters)
    async with read.transaction() as tx:
        proofs, tenant = await use_cases.list_evidence(
            tx,
            read.principal.access(),
            asked,
            _key(by, key, read),
            period,
            after=_after_event(page),
            limit=page.limit + 1,
        )
        progress = await progress_of(tx, ends)
    return page.answer(
        proofs,
        key=lambda proof: (proof.event.at_us, proof.event.event_id),
        render=lambda proof: EvidenceOut.of(asked.metric, proof, tenant),
        extra=freshness(progress),
    )


@router.get("/v1/leaderboards/{metric}", response_model=Leaderboard, summary="Reps, best first")
async def get_leaderboard(
    request: Request,
    read: Reading,
    page: Paging,
    filters: Filters,
    ends: Ends,
    metric: MetricName,
    grain: Annotated[Grain, Query(description="Length of the period; weeks are ISO.")] = "month",
    period: Annotated[
        Day | None,
        Query(alias="period_start", description="A day of the period; the present one by default."),
    ] = None,
) -> Response:
    """Those reps whom the caller may see and who have data; `team=` gives a subtree's leaderboard."""
    asked = Asked(METRICS[metric.value], "rep", grain, filters)
    async with read.transaction() as tx:
        tenant = await tenant_of(tx)
        day = period or context_of(request).clock.now().astimezone(ZoneInfo(tenant.timezone)).date()
        places, tenant = await use_cases.leaderboard(tx, read.principal.access(), asked, day)
        progress = await progress_of(tx, ends)
    return page.answer_of_all(
        list(enumerate(places)),
        key=lambda place: (place[0],),
        render=lambda place: PlaceOut.of(asked.metric, place[1][0], place[1][1], tenant),
        extra={
            **freshness(progress),
            "metric": asked.metric.name,
            "grain": grain,
            "period_start": period_start(grain, day),
            "direction": asked.metric.direction,
        },
    )


def _after(page: PageQuery) -> tuple[date, int] | None:
    return None if page.after is None else (page.after[0], int(page.after[1]))


def _after_event(page: PageQuery) -> tuple[int, UUID] | None:
    return None if page.after is None else (int(page.after[0]), page.after[1])


def _key(by: By, key: str | None, read: Read) -> str | None:
    """The key of a row. Raises Invalid where the row cannot be named without one."""
    if by == "tenant":
        if key in (None, str(read.principal.tenant_id)):
            return None
        detail = "With by=tenant the key is the tenant's own id, or left out"
        raise Invalid(detail, errors=[FieldError("/query/key", "unknown_key", detail)])
    if key is None:
        detail = f"`key` is needed with by={by}: as in the row whose evidence is asked for"
        raise Invalid(detail, errors=[FieldError("/query/key", "missing", detail)])
    return key
