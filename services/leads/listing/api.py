"""`GET /v1/leads` and `GET /v1/leads/{id}`: what the caller may see, and what lies in pools open to them."""

from __future__ import annotations

from typing import Annotated, Literal
from uuid import UUID

from fastapi import Depends, Query
from starlette.responses import Response

from services.leads.edge import Short, StageKey, position
from services.leads.intake.models import LeadOut, Tag
from services.leads.listing.use_cases import list_leads, show_lead
from services.leads.search.use_cases import Question
from shared.errors import FieldError, Invalid
from shared.web.paging import Page, PageQuery, page_query
from shared.web.reads import Read, read_access
from shared.web.routing import Router
from shared.web.wire import Id, Line

router = Router(prefix="/v1/leads", tags=["leads"])

Reading = Annotated[Read, Depends(read_access("leads:read"))]
Sort = Literal["created_at", "-created_at", "updated_at", "-updated_at"]


class UnknownOwner(Invalid):
    code = "bad_owner"
    title = "Not an owner to filter by"


@router.get("", response_model=Page[LeadOut])
async def get_leads(
    read: Reading,
    page: Annotated[PageQuery, Depends(page_query)],
    tag: Annotated[list[Tag], Query(default_factory=list, max_length=10, description="All of them.")],
    owner: Annotated[str | None, Query(max_length=36, description="A user's id, `me`, or `none`.")] = None,
    stage: Annotated[StageKey | None, Query()] = None,
    status: Annotated[Literal["open", "won", "lost"] | None, Query()] = None,
    pipeline: Annotated[Id | None, Query()] = None,
    pool: Annotated[
        Id | None, Query(description="Those that lie in this pool, which is open to the caller.")
    ] = None,
    source: Annotated[Short | None, Query()] = None,
    channel: Annotated[Short | None, Query()] = None,
    region: Annotated[Short | None, Query()] = None,
    product: Annotated[Short | None, Query()] = None,
    q: Annotated[
        Annotated[str, Line(200)] | None, Query(description="Words, all of them, in any script.")
    ] = None,
    sort: Annotated[Sort, Query()] = "-created_at",
) -> Response:
    """The leads that the caller may see."""
    given = {
        "stage": stage,
        "status": status,
        "pipeline_id": pipeline,
        "source": source,
        "channel": channel,
        "region": region,
        "product": product,
        "owner_id": _owner(owner, read.principal.user_id),
    }
    question = Question(
        most=page.limit + 1,
        equal={name: str(value) for name, value in given.items() if value is not None},
        unowned=owner == "none",
        pool=pool,
        q=q,
        tags=tuple(tag),
        sort=sort.lstrip("-"),
        descending=sort.startswith("-"),
        after=page.after_two,
    )
    return await read.page(
        page,
        lambda tx: list_leads(tx, read.principal, question),
        key=lambda lead: (lead.updated_at, lead.id),
        render=lambda lead: LeadOut.for_viewer(lead, read.principal),
    )


def _owner(text: str | None, user_id: UUID | None) -> UUID | None:
    if text is None or text == "none":
        return None
    try:
        if text == "me" and user_id is not None:
            return user_id
        return UUID(text)
    except ValueError:
        errors = [FieldError("/query/owner", UnknownOwner.code, "a user's id, me, or none")]
        raise UnknownOwner("an owner is a user's id, me, or none", errors=errors) from None


@router.get("/{lead_id}", response_model=LeadOut)
async def get_one(lead_id: Id, read: Reading) -> Response:
    """One lead. With If-None-Match and Cox-Wait-Ms it waits for the next change."""
    return await read.one(
        lambda tx: show_lead(tx, read.principal, lead_id),
        lambda lead: LeadOut.for_viewer(lead, read.principal),
        position=lambda lead: position(lead.id, lead.seq),
    )
