"""`/v1/leads/{id}/contact-reads`."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import Depends
from pydantic import Field
from starlette.responses import Response

from services.leads.privacy.contact_reads.use_cases import ContactRead, contact_reads_of
from shared.web.paging import Page, PageQuery, page_query
from shared.web.reads import Read, read_access
from shared.web.routing import Router
from shared.web.wire import Id, Timestamp, WireModel

router = Router(prefix="/v1/leads", tags=["leads"])


class ContactReadOut(WireModel):
    """An answer that showed the lead's phone or e-mail address in full, to whom and where to.

    `key_id` is the API key by which it was asked for; only admins are told. `leads`: how many it showed.
    """

    id: Id
    at: Timestamp
    user_id: Id | None
    kind: Literal["user", "api_key", "service"]
    key_id: Id | None
    route: str = Field(description="Such as `GET /v1/leads/{lead_id}`.")
    address: str | None
    trace_id: str | None
    leads: int

    @classmethod
    def of(cls, read: ContactRead, *, with_keys: bool) -> ContactReadOut:
        told = cls.model_fields.keys() - {"key_id"}
        by_key = with_keys and read.kind == "api_key"
        values = {name: getattr(read, name) for name in told}
        return cls(**values, key_id=read.principal_id if by_key else None)


@router.get("/{lead_id}/contact-reads", response_model=Page[ContactReadOut])
async def get_contact_reads(
    lead_id: Id,
    read: Annotated[Read, Depends(read_access("audit:read"))],
    page: Annotated[PageQuery, Depends(page_query)],
) -> Response:
    """Who was shown the lead's contact data in full, the latest first."""
    who = read.principal
    async with read.transaction() as tx:
        rows = await contact_reads_of(tx, who.tenant_id, lead_id, after=page.after_two, limit=page.limit + 1)
    return page.answer(
        rows,
        key=lambda one: [one.at, one.id],
        render=lambda one: ContactReadOut.of(one, with_keys=who.may("admin")),
    )
