"""`/v1/custom-fields/{id}/check` and `/misfits`: what is stored, against what a field is to be."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends
from pydantic import Field
from starlette.responses import Response

from services.leads.capture.custom_fields.rules import CustomField, State
from services.leads.capture.custom_fields.values import FieldType
from services.leads.capture.refitting.use_cases import MOST_MISFITS, Check, Found, check_of, misfits_of
from shared.web.paging import Page, PageQuery, page_query
from shared.web.reads import Read, read_access
from shared.web.routing import Router
from shared.web.wire import Id, Scalar, Timestamp, WireModel

router = Router(prefix="/v1/custom-fields", tags=["custom fields"])
Reading = Annotated[Read, Depends(read_access("leads:read"))]


class CheckOut(WireModel):
    """How the look through stored leads goes, or went."""

    state: State
    wanted_type: FieldType | None
    leads: int = Field(description="Looked at so far.")
    with_values: int
    misfits: int = Field(description=f"Of those; the first {MOST_MISFITS} are listed at `/misfits`.")
    began_at: Timestamp | None
    ended_at: Timestamp | None

    @classmethod
    def of(cls, shown: tuple[CustomField, Check | None]) -> CheckOut:
        field, check = shown
        return cls(
            state=field.state,
            wanted_type=field.wanted,
            leads=check.leads if check else 0,
            with_values=check.with_values if check else 0,
            misfits=check.misfits if check else 0,
            began_at=check.began_at if check else None,
            ended_at=check.ended_at if check else None,
        )


class MisfitOut(WireModel):
    """A lead whose value did not fit: why, what would be right, and the value as it is now."""

    lead_id: Id
    code: str
    detail: str
    value: Scalar

    @classmethod
    def of(cls, found: Found) -> MisfitOut:
        return cls(lead_id=found.lead_id, code=found.code, detail=found.detail, value=found.value)


@router.get("/{custom_field_id}/check", response_model=CheckOut)
async def get_check(custom_field_id: Id, read: Reading) -> Response:
    """How far the look through stored values is, which decides whether a type may hold."""
    async with read.transaction() as tx:
        return read.respond(CheckOut.of(await check_of(tx, read.principal.tenant_id, custom_field_id)))


@router.get("/{custom_field_id}/misfits", response_model=Page[MisfitOut])
async def get_misfits(
    custom_field_id: Id, read: Reading, page: Annotated[PageQuery, Depends(page_query)]
) -> Response:
    """Leads that the caller sees whose values do not fit: mend them, and ask for the type again."""
    after = None if page.after is None else page.after[0]
    async with read.transaction() as tx:
        found = await misfits_of(tx, read.principal.tenant_id, custom_field_id, after, page.limit + 1)
    return page.answer(found, key=lambda one: (one.lead_id,), render=MisfitOut.of)
