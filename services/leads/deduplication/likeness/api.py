"""`/v1/leads/{id}/duplicates` and `/v1/duplicate-suspects`."""

from __future__ import annotations

from typing import Annotated, Literal
from uuid import UUID

from fastapi import Body, Depends
from pydantic import Field
from starlette.responses import Response

from services.leads.deduplication.likeness.sharing import Shared, duplicates_of
from services.leads.deduplication.likeness.use_cases import Suspect, confirm, dismiss, list_suspects
from shared.web.context import Now
from shared.web.paging import Page, PageQuery, page_query
from shared.web.reads import Read, read_access
from shared.web.routing import Router
from shared.web.wire import Id, Text, Timestamp, WireModel
from shared.web.writes import Write, write_access

leads_router = Router(prefix="/v1/leads", tags=["leads"])
router = Router(prefix="/v1/duplicate-suspects", tags=["leads"])

Reading = Annotated[Read, Depends(read_access("leads:read"))]
Writing = Annotated[Write, Depends(write_access("leads:write"))]
Paging = Annotated[PageQuery, Depends(page_query)]


class WhyOut(WireModel):
    """`likeness` in per cent, `reason` and the pair to decide about only where names are alike."""

    kind: Literal["phone", "email", "credit_code", "wecom_id", "family", "company"]
    likeness: int | None
    reason: str | None
    suspect_id: Id | None


class DuplicateOut(WireModel):
    """Another lead that may be the same customer, and all that speaks for it."""

    id: Id
    name: str | None
    company: str | None
    stage: str
    status: Literal["open", "won", "lost"]
    owner_id: Id | None
    why: list[WhyOut]

    @classmethod
    def of(cls, shared: Shared) -> DuplicateOut:
        values = {name: getattr(shared.lead, name) for name in cls.model_fields.keys() - {"why"}}
        whys = [
            WhyOut.model_construct(**{name: getattr(why, name) for name in WhyOut.model_fields})
            for why in shared.why
        ]
        return cls.model_construct(**values, why=whys)


class SuspectOut(WireModel):
    """Two leads whose companies have names that are alike; `lead_id` came later."""

    id: Id
    lead_id: Id
    other_id: Id
    likeness: int = Field(description="In per cent.")
    reason: Literal["same_name", "same_brand", "alike_brand", "alike_trade"]
    found_at: Timestamp
    state: Literal["open", "merged", "dismissed"]
    decided_at: Timestamp | None
    decided_by: Id | None

    @classmethod
    def of(cls, suspect: Suspect) -> SuspectOut:
        return cls.model_construct(**{name: getattr(suspect, name) for name in cls.model_fields})


class ConfirmIn(WireModel):
    """Which of the two stands for both; by default the earlier one."""

    into: Id | None = None
    reason: Annotated[str, Text(1000)] | None = None


@leads_router.get("/{lead_id}/duplicates", response_model=Page[DuplicateOut])
async def get_duplicates(lead_id: Id, read: Reading, page: Paging) -> Response:
    """Other leads that may be the same customer, of those that the caller sees, each with why."""
    async with read.transaction() as tx:
        found = await duplicates_of(tx, read.principal.tenant_id, lead_id)
    return page.answer_of_all(found, key=lambda one: (one.lead.id,), render=DuplicateOut.of)


@router.get("", response_model=Page[SuspectOut])
async def get_suspects(read: Reading, page: Paging) -> Response:
    """Pairs that nobody has decided about, of leads that the caller sees, the newest first."""
    return await read.page(
        page,
        lambda tx: list_suspects(tx, read.principal.tenant_id, _last(page), page.limit + 1),
        key=lambda suspect: (suspect.id,),
        render=SuspectOut.of,
    )


def _last(page: PageQuery) -> UUID | None:
    return page.after[0] if page.after else None


@router.post("/{suspect_id}/merge", response_model=SuspectOut)
async def post_confirmation(
    suspect_id: Id, write: Writing, at: Now, body: Annotated[ConfirmIn | None, Body()] = None
) -> Response:
    """They are one: merge them."""
    who, told = write.principal, body or ConfirmIn()
    return await write.run(
        lambda tx: confirm(tx, who, suspect_id, told.into, told.reason, at), render=SuspectOut.of
    )


@router.post("/{suspect_id}/dismiss", response_model=SuspectOut)
async def post_dismissal(suspect_id: Id, write: Writing, at: Now) -> Response:
    """They are two: it is not told again."""
    return await write.run(lambda tx: dismiss(tx, write.principal, suspect_id, at), render=SuspectOut.of)
