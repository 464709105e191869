"""Recording what people agree to and withdraw; who withdraws is contacted no more."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

from services.leads.capture.intake.changes import keys, update_lead
from services.leads.capture.intake.lead import Lead
from services.leads.capture.intake.use_cases import get_lead, lock_lead, record_lead_events
from services.leads.privacy.consents.rules import to_withdraw
from services.leads.privacy.do_not_contact.use_cases import list_people
from services.leads.privacy.wishes.listing import unlist
from services.leads.privacy.wishes.notices import notice_for, versions_of
from services.leads.privacy.wishes.rules import (
    Consent,
    Notice,
    Purpose,
    Statement,
    check_said,
    check_shown,
    in_force,
)
from services.leads.privacy.wishes.use_cases import events_of, record, said_of
from shared.access.directory import credit_of
from shared.database.transactions import Tx


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
    notice = await notice_for(tx, lead.tenant_id, lead.source, lead.created_at)
    return Consents(lead, notice, await said_of(tx, lead.tenant_id, lead.id))


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
    if said.notice_id is not None:
        check_shown(said.notice_version, (await versions_of(tx, tenant_id, said.notice_id))[-1].version)


async def _recorded(tx: Tx, tenant_id: UUID, lead_id: UUID, said: Statement, now: datetime) -> Consents:
    lead = await lock_lead(tx, tenant_id, lead_id)
    await record(tx, tenant_id, [(lead_id, said)], now)
    credit = await credit_of(tx, lead.owner_id)
    places = await record_lead_events(tx, events_of(lead_id, said, credit, lead.dimensions))
    return await _known(tx, lead._replace(seq=places[-1].seq))
