"""`GET /v1/leads` and `GET /v1/leads/{id}`: what the caller may see, and what lies in pools open to them."""

from __future__ import annotations

from datetime import datetime
from inspect import Parameter, Signature
from typing import Annotated, Any

from fastapi import Depends, Query
from starlette.responses import Response

from services.leads.capture.intake.lead import Lead
from services.leads.capture.intake.models import LeadOut
from services.leads.edge import position
from services.leads.finding.filtering.filters import LeadFilters, Sort, SortKey
from services.leads.finding.listing.use_cases import Wish, list_leads, place_of, show_lead
from services.leads.finding.views.rules import View
from services.leads.finding.views.use_cases import view_to_ask
from shared.database.transactions import Tx
from shared.web.context import Now
from shared.web.cursors import BadCursor
from shared.web.paging import Page, PageQuery, page_query
from shared.web.reads import Read, read_access
from shared.web.routing import Router
from shared.web.wire import Id

router = Router(prefix="/v1/leads", tags=["leads"])

Reading = Annotated[Read, Depends(read_access("leads:read"))]


async def asked_filters(**given: Any) -> LeadFilters:
    """The filters as parameters of the address."""
    return LeadFilters.model_construct(**given)


asked_filters.__signature__ = Signature(  # type: ignore[attr-defined]  # read by FastAPI
    [
        Parameter(
            name,
            Parameter.KEYWORD_ONLY,
            annotation=Annotated[(field.annotation, *field.metadata, Query(description=field.description))],
            default=field.get_default(call_default_factory=True),
        )
        for name, field in LeadFilters.model_fields.items()
    ]
)


@router.get("", response_model=Page[LeadOut])
async def get_leads(
    read: Reading,
    page: Annotated[PageQuery, Depends(page_query)],
    filters: Annotated[LeadFilters, Depends(asked_filters)],
    at: Now,
    view: Annotated[
        Id | None, Query(description="A saved view: its filters hold besides, its order unless `sort` says.")
    ] = None,
    sort: Annotated[Sort | None, Query(description="`-` for the greatest first; -created_at.")] = None,
) -> Response:
    """The leads that the caller may see."""
    shown: list[View] = []

    async def load(tx: Tx) -> list[Lead]:
        told = {"/query": filters}
        if view is not None:
            shown.append(await view_to_ask(tx, read.principal, view))
            told["/query/view"] = shown[0].filters
        wish = _wish(told, _order(sort, shown), at, page, shown)
        return await list_leads(tx, read.principal, wish)

    return await read.page(
        page,
        load,
        key=lambda lead: (*place_of(lead, _order(sort, shown)[0]), _version(shown)),
        render=lambda lead: LeadOut.for_viewer(lead, read.principal),
    )


def _order(sort: Sort | None, shown: list[View]) -> tuple[SortKey, bool]:
    told = sort or next((view.sort for view in shown if view.sort), None) or "-created_at"
    key: Any = told.lstrip("-")
    return key, told.startswith("-")


def _version(shown: list[View]) -> int:
    return shown[0].version if shown else 0


def _wish(
    told: dict[str, LeadFilters],
    order: tuple[SortKey, bool],
    at: datetime,
    page: PageQuery,
    shown: list[View],
) -> Wish:
    """Raises BadCursor where the view was changed since the page before."""
    after = None
    if page.after is not None:
        value, last, version = page.after
        if version != _version(shown):
            raise BadCursor("The view was changed meanwhile: begin again")
        after = (value, last)
    return Wish(told, *order, at, after, page.limit + 1)


@router.get("/{lead_id}", response_model=LeadOut)
async def get_one(lead_id: Id, read: Reading) -> Response:
    """One lead. With If-None-Match and Cox-Wait-Ms it waits for the next change."""
    return await read.one(
        lambda tx: show_lead(tx, read.principal, lead_id),
        lambda lead: LeadOut.for_viewer(lead, read.principal),
        position=lambda lead: position(lead.id, lead.seq),
    )
