"""Recording what people agree to and withdraw; who withdraws is contacted no more."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

from services.leads.consents.notices import notice_for, versions_of
from services.leads.consents.rules import (
    Consent,
    Notice,
    Purpose,
    Statement,
    check_said,
    in_force,
    to_withdraw,
)
from services.leads.consents.tables import FORGET, LAST_GRANTED, OF_LEAD, RECORD
from services.leads.do_not_contact.use_cases import list_people, unlist
from services.leads.intake.changes import keys, update_lead
from services.leads.intake.lead import Lead
from services.leads.intake.use_cases import get_lead, lock_lead, record_lead_events
from shared.access.directory import credit_of
from shared.contracts.privacy import ConsentChanged
from shared.database.transactions import Tx
from shared.errors import FieldError, Invalid
from shared.events.journal import NewEvent
from shared.ids import new_id


class UnknownVersion(Invalid):
    code = "unknown_notice_version"
    title = "There is no such version of the notice"


@dataclass(frozen=True, slots=True)
class Consents:
    """What is known of a lead: the notice that held when it came, and what was said, oldest first."""

    lead: Lead
    notice: Notice | None
    history: Sequence[Consent]

    @property
    def standing(self) -> dict[Purpose, Consent]:
        return in_force(self.history)


async def consents_of(tx: Tx, tenant_id: UUID, lead_id: UUID) -> Consents:
    """Raises UnknownLead."""
    return await _known(tx, await get_lead(tx, tenant_id, lead_id))


async def _known(tx: Tx, lead: Lead) -> Consents:
    rows = await tx.connection.fetch(OF_LEAD, lead.tenant_id, lead.id)
    notice = await notice_for(tx, lead.tenant_id, lead.source, lead.created_at)
    return Consents(lead, notice, [Consent(**dict(row.items())) for row in rows])


async def grant(
    tx: Tx, tenant_id: UUID, lead_id: UUID, said: Statement, now: datetime, *, check: Callable[[int], None]
) -> Consents:
    """They agree. Who agrees to be contacted comes off the do-not-contact list.

    Raises UnknownLead, NotYetSaid, UnknownNotice, UnknownVersion, and what `check` raises of the version.
    """
    check_said(said.at, now)
    await _check_notice(tx, tenant_id, said)
    before = await consents_of(tx, tenant_id, lead_id)
    check(before.lead.version)
    told = before.standing.get("contact")
    # What is told late does not undo what they have withdrawn since.
    is_last_word = told is None or told.at <= said.at
    if (
        "contact" in said.purposes
        and is_last_word
        and await unlist(tx, tenant_id, keys(before.lead), said.at)
    ):
        await _mark(tx, before.lead, said, now, wish=False)
    return await _recorded(tx, tenant_id, lead_id, said, now)


async def withdraw(
    tx: Tx, tenant_id: UUID, lead_id: UUID, said: Statement, now: datetime, *, check: Callable[[int], None]
) -> Consents:
    """They withdraw, or object. Who is not to be contacted is on the list from then on, with all their leads.

    Raises UnknownLead, NotYetSaid, NothingConsented, and what `check` raises of the version.
    """
    check_said(said.at, now)
    before = await consents_of(tx, tenant_id, lead_id)
    check(before.lead.version)
    said = replace(said, purposes=to_withdraw(said.purposes, before.standing))
    if "contact" in said.purposes:
        await _mark(tx, before.lead, said, now, wish=True)
        await list_people(tx, tenant_id, keys(before.lead), "withdrawn", said.by_id, lead_id, said.at)
    return await _recorded(tx, tenant_id, lead_id, said, now)


async def _mark(tx: Tx, lead: Lead, said: Statement, now: datetime, *, wish: bool) -> None:
    changes = {"do_not_contact": wish}
    await update_lead(tx, lead.tenant_id, said.by_id, lead.id, changes, now, check_version=lambda _: None)


async def _check_notice(tx: Tx, tenant_id: UUID, said: Statement) -> None:
    if said.notice_id is None:
        return
    known = {one.version for one in await versions_of(tx, tenant_id, said.notice_id)}
    if said.notice_version not in known:
        detail = f"the notice has the versions 1 to {max(known)}"
        raise UnknownVersion(detail, errors=[FieldError("/notice_version", UnknownVersion.code, detail)])


async def _recorded(tx: Tx, tenant_id: UUID, lead_id: UUID, said: Statement, now: datetime) -> Consents:
    lead = await lock_lead(tx, tenant_id, lead_id)
    credit, events = await credit_of(tx, lead.owner_id), []
    for purpose in said.purposes:
        values = (purpose, said.granted, said.how, said.at, now, said.by_id)
        shown = (said.notice_id, said.notice_version, said.evidence)
        await tx.connection.execute(RECORD, tenant_id, lead_id, new_id(), *values, *shown)
        event = ConsentChanged(
            credit=credit, dimensions=lead.dimensions, purpose=purpose, granted=said.granted, how=said.how
        )
        events.append(NewEvent(lead_id, event, said.at))
    places = await record_lead_events(tx, events)
    return await _known(tx, lead._replace(seq=places[-1].seq))


async def last_granted(tx: Tx, tenant_id: UUID, lead_ids: Sequence[UUID]) -> dict[UUID, datetime]:
    """When the person of each lead last agreed to something; those who never did are left out."""
    rows = await tx.connection.fetch(LAST_GRANTED, tenant_id, list(lead_ids))
    return {row["lead_id"]: row["at"] for row in rows}


async def forget(tx: Tx, tenant_id: UUID, lead_ids: Sequence[UUID]) -> None:
    """Erase what was written besides; that somebody agreed or withdrew, and when, stays."""
    await tx.connection.execute(FORGET, tenant_id, list(lead_ids))
