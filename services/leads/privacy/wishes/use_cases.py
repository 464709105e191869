"""Recording what people agree to, with new leads or afterwards; in as many statements for a thousand."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from services.leads.deduplication.duplicates.rules import Key
from services.leads.privacy.wishes.listing import remove_until
from services.leads.privacy.wishes.notices import UnknownNotice, last_versions
from services.leads.privacy.wishes.rules import (
    Agreed,
    Consent,
    Statement,
    check_said,
    check_shown,
    digests_of,
)
from services.leads.privacy.wishes.tables import FORGET, LAST_GRANTED, OF_LEAD, RECORD
from shared.contracts.base import Credit, Dimensions
from shared.contracts.privacy import ConsentChanged
from shared.database.transactions import Tx
from shared.errors import FieldError, Invalid, errors_under
from shared.events.journal import NewEvent
from shared.ids import new_id


class Newly(NamedTuple):
    """A new lead whose person agreed to something, and what they are contacted by."""

    lead_id: UUID
    said: Statement
    keys: tuple[Key, ...]


async def versions_shown(tx: Tx, tenant_id: UUID, agreed: Iterable[Agreed | None]) -> Mapping[UUID, int]:
    """How many versions each of the notices has that were shown; those that are not there are left out."""
    shown = {each.notice_id for each in agreed if each is not None and each.notice_id is not None}
    return await last_versions(tx, tenant_id, shown) if shown else {}


def said_of_new(agreed: Agreed, by_id: UUID | None, now: datetime, known: Mapping[UUID, int]) -> Statement:
    """What is to be recorded of a new lead; `known`: see `versions_shown`.

    Raises NotYetSaid, UnknownVersion and Invalid (`unknown_notice`), their pointers those of a lead's body.
    """
    said = agreed.statement(by_id, now)
    with errors_under("/consent"):
        check_said(said.at, now)
        if said.notice_id is None:
            return said
        if said.notice_id not in known:
            code, detail = UnknownNotice.code, f"there is no notice {said.notice_id}"
            raise Invalid(detail, errors=[FieldError("/notice_id", code, detail)], code=code)
        check_shown(said.notice_version, known[said.notice_id])
    return said


def events_of(
    lead_id: UUID, said: Statement, credit: Credit, about: Dimensions, traceparent: str | None = None
) -> list[NewEvent]:
    """What is told of it: each purpose for itself."""
    changes = (
        ConsentChanged(credit=credit, dimensions=about, purpose=purpose, granted=said.granted, how=said.how)
        for purpose in said.purposes
    )
    return [NewEvent(lead_id, change, said.at, traceparent=traceparent) for change in changes]


async def record(tx: Tx, tenant_id: UUID, said: Sequence[tuple[UUID, Statement]], at: datetime) -> None:
    """Store what was said of which lead: each purpose for itself."""
    rows = [
        {
            "tenant_id": tenant_id,
            "lead_id": lead_id,
            "id": new_id(),
            "purpose": purpose,
            "granted": one.granted,
            "how": one.how,
            "at": one.at,
            "recorded_at": at,
            "by_id": one.by_id,
            "notice_id": one.notice_id,
            "notice_version": one.notice_version,
            "evidence": one.evidence,
        }
        for lead_id, one in said
        for purpose in one.purposes
    ]
    await RECORD.execute(tx, rows)


async def record_new(tx: Tx, tenant_id: UUID, newly: Sequence[Newly], now: datetime) -> None:
    """Who agrees to be contacted comes off the do-not-contact list, if they came onto it before."""
    await record(tx, tenant_id, [(one.lead_id, one.said) for one in newly], now)
    wished = [one for one in newly if "contact" in one.said.purposes]
    digests = [(each, one.said.at) for one in wished for each in digests_of(tenant_id, one.keys)]
    await remove_until(tx, tenant_id, digests)


async def said_of(tx: Tx, tenant_id: UUID, lead_id: UUID) -> list[Consent]:
    """All that was said of a lead and of its parts, oldest first."""
    return [Consent(**dict(row.items())) for row in await tx.connection.fetch(OF_LEAD, tenant_id, lead_id)]


async def last_granted(tx: Tx, tenant_id: UUID, lead_ids: Sequence[UUID]) -> dict[UUID, datetime]:
    """When the person of each lead last agreed to something; those who never did are left out."""
    rows = await tx.connection.fetch(LAST_GRANTED, tenant_id, list(lead_ids))
    return {row["lead_id"]: row["at"] for row in rows}


async def forget(tx: Tx, tenant_id: UUID, lead_ids: Sequence[UUID]) -> None:
    """Erase what was written besides; that somebody agreed or withdrew, and when, stays."""
    await tx.connection.execute(FORGET, tenant_id, list(lead_ids))
