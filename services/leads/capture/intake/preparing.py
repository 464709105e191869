"""Newcomers become leads that may be stored: checked, normalised, valued, with what they are found by."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from services.leads.capture.intake.lead import Lead
from services.leads.capture.intake.opening import Opening
from services.leads.capture.intake.rules import Contact, Draft, check_named, contact_of, found_by
from services.leads.capture.normalising.regions import region_of
from services.leads.deduplication.duplicates.rules import Key
from services.leads.judging.valuation.rules import Valued
from services.leads.judging.valuation.use_cases import Valuer
from services.leads.privacy.wishes.rules import Statement
from services.leads.privacy.wishes.use_cases import said_of_new, versions_shown
from shared.contracts.base import Credit
from shared.contracts.leads import LeadCreated
from shared.database.transactions import Tx
from shared.errors import CoxError
from shared.events.breathing import Breather
from shared.events.journal import NewEvent
from shared.ids import new_id


class Newcomer(NamedTuple):
    """A lead to be, and who brings it; the trace that it belongs to (None: the one under way), its id (None:
    a new one).
    """

    draft: Draft
    creator_id: UUID | None
    traceparent: str | None = None
    id: UUID | None = None


class Prepared(NamedTuple):
    """A lead that may be stored, what it is found by, its exact keys, the event of its start, and what its
    person agrees to, if anything.
    """

    lead: Lead
    search_text: str
    terms: str
    keys: tuple[Key, ...]
    event: NewEvent
    said: Statement | None


async def prepare(
    tx: Tx, start: Opening, newcomers: Sequence[Newcomer], at: datetime
) -> list[Prepared | CoxError]:
    """The leads that they become while `start` holds; in the place of a bad one what is wrong with it.

    Nothing is locked or written.
    """
    valuer, region = Valuer(tx, start.tenant), region_of(start.tenant.timezone, start.tenant.currency)
    await valuer.prefetch((new.draft.value, at) for new in newcomers)
    notices = await versions_shown(tx, start.tenant.id, (new.draft.consent for new in newcomers))
    prepared: list[Prepared | CoxError] = []
    breather = Breather()
    for new in newcomers:
        # Others wait for the loop meanwhile, to whom the database has answered.
        await breather.breathe()
        draft = new.draft
        try:
            check_named(draft.name, draft.company, draft.phone, draft.email)
            contact = contact_of(draft.given, region)
            value = valuer.known(draft.value, at)
            custom = start.schema.of_new(draft.custom, start.pipeline.first_stage)
            text, terms = found_by(
                start.tenant.id, draft.name, draft.company, contact, draft.tags, start.found_by(custom)
            )
            lead = _new_lead(start, new, contact, value, custom, at)
            said = draft.consent and said_of_new(draft.consent, new.creator_id, at, notices)
            if said is not None:
                lead = lead._replace(seq=lead.seq + len(said.purposes))
            event = creation(start, lead, new.traceparent)
            prepared.append(Prepared(lead, text, terms, contact.keys, event, said))
        except CoxError as error:
            prepared.append(error)
    return prepared


def _new_lead(
    start: Opening,
    new: Newcomer,
    contact: Contact,
    value: Valued | None,
    custom: dict[str, Any],
    at: datetime,
) -> Lead:
    draft, phone, pipeline = new.draft, contact.phone, start.pipeline
    return Lead(
        tenant_id=start.tenant.id,
        id=new.id or new_id(),
        seq=1,
        name=draft.name,
        phone=phone.e164 if phone else None,
        phone_extension=phone.extension if phone else None,
        phone_text=draft.phone,
        email=contact.email,
        email_text=draft.email,
        company=draft.company,
        source=draft.source,
        channel=draft.channel,
        region=draft.region,
        product=draft.product,
        value_minor=value.minor if value else None,
        value_currency=value.currency if value else None,
        value_tenant_minor=value.tenant_minor if value else None,
        tags=draft.tags,
        custom=custom,
        pipeline_id=pipeline.id,
        stage=pipeline.first_stage,
        status="open",
        stage_entered_at=at,
        owner_id=None,
        team_id=None,
        created_by=new.creator_id,
        duplicate_of=None,
        started_at=at,
        start_known=True,
        created_at=at,
        updated_at=at,
        closed_at=None,
        lost_reason=None,
        other_phones=tuple(other.key for other in contact.others),
        credit_code=contact.credit_code,
        credit_code_text=draft.credit_code,
        wecom_id=contact.wecom_id,
        label=draft.label,
        value_class=draft.value_class,
        intent=draft.intent,
        campaign=draft.campaign,
    )


def creation(start: Opening, lead: Lead, traceparent: str | None) -> NewEvent:
    event = created_event(lead, start.credit(lead.created_by), start.tenant.currency)
    return NewEvent(lead.id, event, lead.created_at, traceparent=traceparent)


def created_event(lead: Lead, credit: Credit, currency: str) -> LeadCreated:
    """The event of a lead as it starts. Credit is the creator's if a rep, else empty."""
    return LeadCreated(
        credit=credit,
        dimensions=lead.dimensions,
        source=lead.source,
        campaign=lead.campaign,
        pipeline_id=lead.pipeline_id,
        stage=lead.stage,
        value=lead.amount(currency),
        start_known=lead.start_known,
        duplicate_of=lead.duplicate_of,
        created_by=lead.created_by,
    )
