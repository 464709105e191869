"""`/v1/do-not-contact`."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from fastapi import Depends, Query
from pydantic import model_validator
from pydantic_core import PydanticCustomError
from starlette.responses import Response

from services.leads.capture.intake.models import EmailText, PhoneText
from services.leads.capture.intake.rules import Given, contact_of
from services.leads.capture.normalising.regions import region_of
from services.leads.deduplication.duplicates.rules import Key
from services.leads.privacy.do_not_contact.use_cases import list_people
from services.leads.privacy.wishes.listing import entries_of, list_entries, remove_entry
from services.leads.privacy.wishes.rules import Entry, Kind, Reason
from shared.access.directory import tenant_of
from shared.database.transactions import Tx
from shared.web.context import Now
from shared.web.paging import Page, PageQuery, page_query
from shared.web.reads import Read, read_access
from shared.web.routing import Router
from shared.web.wire import Id, Timestamp, WireModel
from shared.web.writes import Write, write_access

router = Router(prefix="/v1/do-not-contact", tags=["privacy"])


class EntryIn(WireModel):
    """Either a phone or an e-mail address, as written; and why."""

    phone: PhoneText | None = None
    email: EmailText | None = None
    reason: Literal["asked", "complaint", "authority"] = "asked"

    @model_validator(mode="after")
    def _is_one(self) -> Self:
        if (self.phone is None) == (self.email is None):
            raise PydanticCustomError("phone_or_email", "Give either a phone or an e-mail address")
        return self


class DoNotContactEntryOut(WireModel):
    """Somebody on the list, masked (null once they were erased). `lead_id`: where it was withdrawn."""

    id: Id
    kind: Kind
    shown: str | None
    reason: Reason
    lead_id: Id | None
    at: Timestamp
    by_id: Id | None

    @classmethod
    def of(cls, entry: Entry) -> DoNotContactEntryOut:
        return cls(**{name: getattr(entry, name) for name in cls.model_fields})


async def _keys(tx: Tx, phone: str | None, email: str | None) -> tuple[Key, ...]:
    tenant = await tenant_of(tx)
    return contact_of(Given(phone, email), region_of(tenant.timezone, tenant.currency)).keys


@router.get("", response_model=Page[DoNotContactEntryOut])
async def get_entries(
    read: Annotated[Read, Depends(read_access("leads:read"))],
    page: Annotated[PageQuery, Depends(page_query)],
    phone: Annotated[PhoneText | None, Query(description="Whether this number is listed.")] = None,
    email: Annotated[EmailText | None, Query(description="Whether this address is listed.")] = None,
) -> Response:
    """Whom nobody contacts, the latest first; or only what is listed of a phone or an e-mail address."""
    tenant_id, after = read.principal.tenant_id, page.after[0] if page.after else None
    async with read.transaction() as tx:
        if phone or email:
            found = await entries_of(tx, tenant_id, await _keys(tx, phone, email))
            return page.answer_of_all(
                found, key=lambda one: (one.id,), render=DoNotContactEntryOut.of, descending=True
            )
        found = await list_entries(tx, tenant_id, after, page.limit + 1)
    return page.answer(found, key=lambda one: [one.id], render=DoNotContactEntryOut.of)


@router.post("", status_code=201, response_model=DoNotContactEntryOut)
async def post_entry(
    body: EntryIn, write: Annotated[Write, Depends(write_access("leads:write"))], at: Now
) -> Response:
    """Put a phone or an e-mail address on the list. A moment later every lead that has it is
    `do_not_contact`, and so is each that comes later, in every way.
    """
    who = write.principal

    async def work(tx: Tx) -> Entry:
        person = await _keys(tx, body.phone, body.email)
        return (await list_people(tx, who.tenant_id, person, body.reason, who.user_id, None, at))[0]

    return await write.run(work, render=DoNotContactEntryOut.of, status=201)


@router.delete("/{entry_id}", status_code=204)
async def delete_entry(
    entry_id: Id, write: Annotated[Write, Depends(write_access("config:write"))]
) -> Response:
    """Take somebody off the list. Leads marked until then stay so: change each, or record a consent."""
    return await write.run(lambda tx: remove_entry(tx, write.principal.tenant_id, entry_id))
