"""`/v1/leads/{id}/relatives`."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import Depends
from pydantic import Field
from starlette.responses import Response

from services.leads.capture.intake.masking import masked_phone, may_contact
from services.leads.capture.intake.models import Name, PhoneText
from services.leads.deduplication.duplicates.family import Relation
from services.leads.deduplication.relatives.use_cases import (
    Named,
    list_relatives,
    name_relative,
    unname_relative,
)
from shared.access.principal import Principal
from shared.web.context import Now
from shared.web.paging import Page, PageQuery, page_query
from shared.web.reads import Read, read_access
from shared.web.routing import Router
from shared.web.wire import Id, Timestamp, WireModel
from shared.web.writes import Write, write_access

router = Router(prefix="/v1/leads", tags=["leads"])

Writing = Annotated[Write, Depends(write_access("leads:write"))]


class RelativeIn(WireModel):
    """Somebody of the person's family; a name, a phone or both."""

    relation: Relation
    name: Name | None = None
    phone: PhoneText | None = Field(default=None, description="As written; answered in E.164.")


class RelativeOut(WireModel):
    """Somebody of the person's family."""

    id: Id
    lead_id: Id
    relation: Relation
    name: str | None
    phone: str | None
    phone_text: str | None
    created_at: Timestamp
    created_by: Id | None

    @classmethod
    def for_viewer(cls, named: Named, who: Principal) -> RelativeOut:
        """As somebody sees it: the phone is hidden from those from whom the lead's own is."""
        one = named.relative
        values = {name: getattr(one, name) for name in cls.model_fields.keys() - {"lead_id"}}
        if not may_contact(who, pooled=named.lead.pooled_at is not None):
            hidden = one.phone and masked_phone(one.phone.partition(";")[0])
            values |= {"phone": hidden, "phone_text": hidden}
            return HiddenRelative.model_construct(**values, lead_id=named.lead.id)
        return cls.model_construct(**values, lead_id=named.lead.id)

    @property
    def discloses(self) -> tuple[UUID, ...]:
        """The lead, where a phone stands here in full; see `shared.web.disclosures`."""
        return (self.lead_id,) if self.phone else ()


class HiddenRelative(RelativeOut):
    """The phone is hidden."""

    @property
    def discloses(self) -> tuple[UUID, ...]:
        return ()


@router.get("/{lead_id}/relatives", response_model=Page[RelativeOut])
async def get_relatives(
    lead_id: Id,
    read: Annotated[Read, Depends(read_access("leads:read"))],
    page: Annotated[PageQuery, Depends(page_query)],
) -> Response:
    """The family of the lead's person, as far as it is named, the oldest entry first."""
    return await read.page(
        page,
        lambda tx: list_relatives(tx, read.principal.tenant_id, lead_id),
        key=lambda named: (named.relative.created_at, named.relative.id),
        render=lambda named: RelativeOut.for_viewer(named, read.principal),
    )


@router.post("/{lead_id}/relatives", status_code=201, response_model=RelativeOut)
async def post_relative(lead_id: Id, body: RelativeIn, write: Writing, at: Now) -> Response:
    """Name a spouse, a parent or a child. Where the policy of duplicates counts families as one customer, a
    new lead with this phone repeats this one.
    """
    who = write.principal
    return await write.run(
        lambda tx: name_relative(
            tx, who.tenant_id, who.user_id, lead_id, body.relation, body.name, body.phone, at
        ),
        render=lambda named: RelativeOut.for_viewer(named, who),
        status=201,
        location=lambda named: f"/v1/leads/{named.lead.id}/relatives",
    )


@router.delete("/{lead_id}/relatives/{relative_id}", status_code=204)
async def delete_relative(lead_id: Id, relative_id: Id, write: Writing, at: Now) -> Response:
    """Take somebody off."""
    who = write.principal
    return await write.run(
        lambda tx: unname_relative(tx, who.tenant_id, who.user_id, lead_id, relative_id, at)
    )
