"""A decision about an invalid lead that takes long: its deciders are warned, then those above are told."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from uuid import UUID

import asyncpg

from services.leads.assigning.returns.rules import Deadline, Filing, Terms, check_terms
from services.leads.assigning.returns.tables import (
    FILED_LAST,
    INSERT_TERMS,
    LOCK_TERMS,
    TERMS,
    UPDATE_TERMS,
    return_terms,
)
from services.leads.capture.intake.use_cases import get_lead, record_lead_events
from services.leads.follow_up.first_response.definitions import roles_of_nobody
from services.leads.follow_up.first_response.rules import Boss
from services.leads.follow_up.first_response.use_cases import bosses_of
from shared.access.directory import credit_of
from shared.access.working import calendars_of_users
from shared.contracts.leads import ReturnOverdue, ReturnTermsDefined, ReturnWarned
from shared.database.transactions import Tx
from shared.events.journal import NewEvent, record_events
from shared.events.timing.timers import schedule
from shared.ids import new_id
from shared.worktime.moments import after_working

TIMER = "leads.return_decision"
DECIDER: Boss = "supervisor"


async def terms_of(tx: Tx, tenant_id: UUID) -> Terms:
    """Version 0 while nothing was said: a decision may take as long as it likes."""
    return _terms(await tx.connection.fetchrow(TERMS, tenant_id))


async def set_terms(tx: Tx, tenant_id: UUID, wanted: Terms, at: datetime) -> Terms:
    """They hold for what is filed from now on. Raises ReturnTermsImpossible."""
    check_terms(wanted, await roles_of_nobody(tx, tenant_id))
    row = await tx.connection.fetchrow(LOCK_TERMS, tenant_id)
    values = (wanted.warn_minutes, wanted.due_minutes, wanted.escalate_to, at)
    terms_id = row["id"] if row else new_id()
    await tx.connection.execute(UPDATE_TERMS if row else INSERT_TERMS, tenant_id, terms_id, *values)
    event = NewEvent(terms_id, ReturnTermsDefined(due_minutes=wanted.due_minutes), at)
    [place] = await record_events(tx, return_terms, [event], created=row is None)
    return replace(wanted, version=place.seq)


def _terms(row: asyncpg.Record | None) -> Terms:
    return Terms() if row is None else Terms(*row)


async def deadline_of(tx: Tx, tenant_id: UUID, owner_id: UUID, at: datetime) -> Deadline | None:
    """Until when something filed now is to be decided: business minutes of the owner's calendar."""
    terms = await terms_of(tx, tenant_id)
    calendar = (await calendars_of_users(tx, [owner_id])).get(owner_id)
    if terms.due_minutes is None or terms.escalate_to is None or calendar is None:
        return None
    warn, due = (
        None if minutes is None else after_working(calendar, at, timedelta(minutes=minutes))
        for minutes in (terms.warn_minutes, terms.due_minutes)
    )
    return None if due is None else Deadline(warn, due, terms.escalate_to)


async def await_decision(tx: Tx, lead_id: UUID, deadline: Deadline) -> None:
    await schedule(tx, TIMER, lead_id, deadline.warn_at or deadline.due_at)


async def look_at(tx: Tx, tenant_id: UUID, lead_id: UUID, at: datetime) -> None:
    """A date of a locked lead has come: who is to decide is warned, or it is overdue. Nothing where it is
    decided by now, or the lead is no longer as it was filed.
    """
    row = await tx.connection.fetchrow(FILED_LAST, tenant_id, lead_id)
    filing = None if row is None else Filing(**dict(row.items()))
    if filing is None or filing.due_at is None or filing.escalate_to is None:
        return
    lead = await get_lead(tx, tenant_id, lead_id)
    if lead.owner_id != filing.owner_id or lead.status != "open":
        return
    overdue = filing.due_at <= at
    event = (ReturnOverdue if overdue else ReturnWarned)(
        credit=await credit_of(tx, filing.owner_id),
        dimensions=lead.dimensions,
        filed_at=filing.filed_at,
        due_at=filing.due_at,
        told=await bosses_of(tx, tenant_id, filing.owner_id, filing.escalate_to if overdue else DECIDER),
    )
    await record_lead_events(tx, [NewEvent(lead_id, event, at)])
    if not overdue:
        await schedule(tx, TIMER, lead_id, filing.due_at)
