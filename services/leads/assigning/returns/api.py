"""`/v1/leads/{id}/invalid`, its decision, and `/v1/lead-returns`."""

from __future__ import annotations

from typing import Annotated

from fastapi import Body, Depends
from pydantic import Field
from starlette.responses import Response

from services.leads.assigning.returns.rules import Filing, Invalidity, State, Terms
from services.leads.assigning.returns.use_cases import approve, file_invalid, filed, filings_of, refuse
from services.leads.assigning.returns.waiting import set_terms, terms_of
from services.leads.follow_up.first_response.rules import Boss
from shared.web.context import Now
from shared.web.paging import Page, PageQuery, page_query
from shared.web.reads import Read, read_access
from shared.web.routing import Router
from shared.web.wire import Id, Text, Timestamp, WireModel
from shared.web.writes import Write, write_access

leads_router = Router(prefix="/v1/leads", tags=["leads"])
returns_router = Router(prefix="/v1/lead-returns", tags=["leads"])

Reading = Annotated[Read, Depends(read_access("leads:read"))]
Writing = Annotated[Write, Depends(write_access("leads:write"))]
Configuring = Annotated[Write, Depends(write_access("config:write"))]
Minutes = Annotated[int, Field(ge=1, le=100_000)]
Paging = Annotated[PageQuery, Depends(page_query)]
Note = Annotated[str, Text(1000)]


class InvalidIn(WireModel):
    """Why it is invalid: nobody has its number, it is a competitor's, or it is somebody's already."""

    reason: Invalidity
    note: Note | None = None


class ApproveIn(WireModel):
    pool_id: Id | None = Field(default=None, description="Where the lead goes; else where a release goes.")
    note: Note | None = None


class RefuseIn(WireModel):
    note: Note | None = None


class ReturnOut(WireModel):
    """A lead that its owner calls invalid. `turn_returned`: a rule's turn came back to them."""

    lead_id: Id
    owner_id: Id
    assigned_at: Timestamp
    filed_at: Timestamp
    reason: Invalidity
    note: str | None
    state: State
    decided_at: Timestamp | None
    decided_by: Id | None
    decision_note: str | None
    turn_returned: bool
    due_at: Timestamp | None = Field(description="To be decided by then.")

    @classmethod
    def of(cls, filing: Filing) -> ReturnOut:
        return cls(**{name: getattr(filing, name) for name in cls.model_fields})


class ReturnTermsIn(WireModel):
    """How long a decision may take, in business minutes of the owner's calendar; null: as long as it likes.

    The supervisor is warned; then `escalate_to` is told, the next role up where nobody has it.
    """

    warn_minutes: Minutes | None = None
    due_minutes: Minutes | None = None
    escalate_to: Boss | None = None


class ReturnTermsOut(ReturnTermsIn):
    """`version` is 0 while nothing was said."""

    version: int

    @classmethod
    def of(cls, terms: Terms) -> ReturnTermsOut:
        return cls(**{name: getattr(terms, name) for name in cls.model_fields})


@returns_router.get("/terms", response_model=ReturnTermsOut)
async def get_terms(read: Reading) -> Response:
    """How long a decision may take."""
    async with read.transaction() as tx:
        return read.respond(ReturnTermsOut.of(await terms_of(tx, read.principal.tenant_id)))


@returns_router.put("/terms", response_model=ReturnTermsOut)
async def put_terms(body: ReturnTermsIn, write: Configuring, at: Now) -> Response:
    """The whole of it, for what is filed from now on."""
    wanted = Terms(body.warn_minutes, body.due_minutes, body.escalate_to)
    return await write.run(
        lambda tx: set_terms(tx, write.principal.tenant_id, wanted, at), render=ReturnTermsOut.of
    )


@leads_router.post("/{lead_id}/invalid", status_code=201, response_model=ReturnOut)
async def post_invalid(lead_id: Id, body: InvalidIn, write: Writing, at: Now) -> Response:
    """Say that one's own lead is invalid, within 24 hours of its assignment, once."""
    return await write.run(
        lambda tx: file_invalid(tx, write.principal, lead_id, body.reason, body.note, at),
        render=ReturnOut.of,
        status=201,
        location=lambda filing: f"/v1/leads/{filing.lead_id}/invalid",
    )


@leads_router.get("/{lead_id}/invalid", response_model=Page[ReturnOut])
async def get_invalid(lead_id: Id, read: Reading, page: Paging) -> Response:
    """What was filed of a lead, and decided, the oldest first."""
    async with read.transaction() as tx:
        found = await filings_of(tx, read.principal.tenant_id, lead_id)
    return page.answer_of_all(found, key=lambda one: (one.filed_at, one.owner_id), render=ReturnOut.of)


@leads_router.post("/{lead_id}/invalid/approve", response_model=ReturnOut)
async def post_approve(
    lead_id: Id, write: Writing, at: Now, body: Annotated[ApproveIn | None, Body()] = None
) -> Response:
    """Take the lead from its owner into a pool; the turn that brought it comes back to them."""
    who, told = write.principal, body or ApproveIn()
    return await write.run(
        lambda tx: approve(tx, who, lead_id, told.pool_id, told.note, at), render=ReturnOut.of
    )


@leads_router.post("/{lead_id}/invalid/refuse", response_model=ReturnOut)
async def post_refuse(
    lead_id: Id, write: Writing, at: Now, body: Annotated[RefuseIn | None, Body()] = None
) -> Response:
    """The owner keeps the lead, and may not file it again."""
    who, note = write.principal, body.note if body else None
    return await write.run(lambda tx: refuse(tx, who, lead_id, note, at), render=ReturnOut.of)


@returns_router.get("", response_model=Page[ReturnOut])
async def get_returns(read: Reading, page: Paging) -> Response:
    """What waits for a decision, of the leads that the caller sees, the oldest first."""
    async with read.transaction() as tx:
        found = await filed(tx, read.principal.tenant_id)
    return page.answer_of_all(found, key=lambda one: (one.filed_at, one.lead_id), render=ReturnOut.of)
