"""`/v1/leads/{id}/erase`, `…/erase/preview` and `…/erasure`."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Literal
from uuid import UUID

from fastapi import Depends
from pydantic import Field
from starlette.responses import Response

from services.leads.privacy.erasure.rules import MOST_AT_ONCE, Erasure, Shared, keep_until, to_keep
from services.leads.privacy.erasure.use_cases import Done, erase_person, erasure_of, preview
from shared.web.context import Now
from shared.web.reads import Read, read_access
from shared.web.routing import Router
from shared.web.wire import Id, Line, Timestamp, WireModel
from shared.web.writes import Write, write_access

router = Router(prefix="/v1/leads", tags=["privacy"])

Reading = Annotated[Read, Depends(read_access("admin"))]
Writing = Annotated[Write, Depends(write_access("admin"))]


class EraseIn(WireModel):
    """Why the person is forgotten, and of which leads; `lead_ids` absent: of all that the preview shows."""

    reason: Annotated[str, Line(500)] = Field(description="It stays: without the person's name or number.")
    lead_ids: list[Id] | None = Field(default=None, max_length=MOST_AT_ONCE)


class TheirLead(WireModel):
    """A lead of the person. `shares`: what it has in common with the others, or `merged` with one of them.

    `keeps`: what of it must be kept, up to `kept_until`, since it was won.
    """

    id: Id
    name: str | None
    phones: list[str]
    email: str | None
    wecom_id: str | None
    formerly: list[str] = Field(description="Phones and addresses that it had before, as written.")
    company: str | None
    status: Literal["open", "won", "lost"]
    stage: str
    owner_id: Id | None
    created_at: Timestamp
    shares: list[str]
    keeps: list[str]
    kept_until: date | None
    erased_at: Timestamp | None

    @classmethod
    def of(cls, shared: Shared) -> TheirLead:
        lead, keeps = shared.lead, to_keep(shared.lead)
        return cls(
            id=lead.id,
            name=lead.name,
            phones=list(lead.phone_keys),
            email=lead.email,
            wecom_id=lead.wecom_id,
            formerly=list(shared.formerly),
            company=lead.company,
            status=lead.status,
            stage=lead.stage,
            owner_id=lead.owner_id,
            created_at=lead.created_at,
            shares=list(shared.by),
            keeps=list(keeps),
            kept_until=keep_until(lead) if keeps else None,
            erased_at=lead.erased_at,
        )


class ErasurePersonOut(WireModel):
    leads: list[TheirLead]

    @property
    def discloses(self) -> tuple[UUID, ...]:
        return tuple(lead.id for lead in self.leads if lead.phones or lead.email or lead.formerly)


class ErasureOut(WireModel):
    """A lead whose person is forgotten. `kept` is what must be, up to `kept_until`; it is shown here only."""

    lead_id: Id
    erased_at: Timestamp
    erased_by: Id | None
    reason: str
    kept: dict[str, str] | None
    kept_until: date | None

    @classmethod
    def of(cls, erasure: Erasure) -> ErasureOut:
        return cls(
            lead_id=erasure.lead_id,
            erased_at=erasure.at,
            erased_by=erasure.erased_by,
            reason=erasure.reason,
            kept=None if erasure.kept is None else dict(erasure.kept),
            kept_until=erasure.kept_until,
        )


class ErasedOut(WireModel):
    erased: list[ErasureOut]

    @classmethod
    def of(cls, done: Done) -> ErasedOut:
        return cls(erased=[ErasureOut.of(one) for one in done.erasures])


@router.post("/{lead_id}/erase/preview", response_model=ErasurePersonOut)
async def post_preview(lead_id: Id, write: Writing) -> Response:
    """The leads that would be erased: all that share a phone, e-mail address or WeCom id. Changes nothing."""
    return await write.run(
        lambda tx: preview(tx, write.principal.tenant_id, lead_id),
        render=lambda found: ErasurePersonOut(leads=[TheirLead.of(one) for one in found]),
    )


@router.post("/{lead_id}/erase", response_model=ErasedOut)
async def post_erase(lead_id: Id, body: EraseIn, write: Writing, at: Now) -> Response:
    """Forget the person behind a lead, for ever: what says who they are is gone, numbers stay as they are."""
    who = write.principal
    return await write.run(
        lambda tx: erase_person(tx, who.tenant_id, lead_id, body.lead_ids, body.reason, who.user_id, at),
        render=ErasedOut.of,
    )


@router.get("/{lead_id}/erasure", response_model=ErasureOut)
async def get_erasure(lead_id: Id, read: Reading) -> Response:
    """Since when the person behind a lead is forgotten, why, and what is kept."""
    async with read.transaction() as tx:
        found = await erasure_of(tx, read.principal.tenant_id, lead_id)
    return read.respond(ErasureOut.of(found))
