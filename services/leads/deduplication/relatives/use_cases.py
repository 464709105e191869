"""Naming relatives on a lead, and taking them off."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from services.leads.capture.intake.changes import note_change
from services.leads.capture.intake.lead import Lead
from services.leads.capture.intake.rules import BadField, Given, contact_of
from services.leads.capture.intake.use_cases import get_lead, lock_lead
from services.leads.capture.normalising.regions import region_of
from services.leads.deduplication.duplicates.family import (
    Relation,
    Relative,
    relatives_of,
    remove_relative,
    store_relative,
)
from shared.access.directory import tenant_of
from shared.database.transactions import Tx
from shared.errors import Conflict, FieldError, Invalid, NotFound
from shared.ids import new_id

MOST = 50


class NamelessRelative(Invalid):
    code = "nameless_relative"
    title = "A relative needs a name or a phone"


class TooManyRelatives(Conflict):
    code = "too_many_relatives"
    title = "So many relatives are not named on one lead"


class UnknownRelative(NotFound):
    code = "unknown_relative"
    title = "No such relative is named on the lead"


@dataclass(frozen=True, slots=True)
class Named:
    """A relative, and the lead that they are named on."""

    lead: Lead
    relative: Relative


async def list_relatives(tx: Tx, tenant_id: UUID, lead_id: UUID) -> list[Named]:
    """Oldest first. Raises UnknownLead."""
    lead = await get_lead(tx, tenant_id, lead_id)
    return [Named(lead, each) for each in await relatives_of(tx, tenant_id, lead_id)]


async def name_relative(
    tx: Tx,
    tenant_id: UUID,
    user_id: UUID | None,
    lead_id: UUID,
    relation: Relation,
    name: str | None,
    phone: str | None,
    at: datetime,
) -> Named:
    """Raises UnknownLead, LeadErased, LeadMerged, NamelessRelative, BadField, TooManyRelatives and
    KeyMissing.
    """
    if not name and not phone:
        detail = "give a name, a phone or both"
        raise NamelessRelative(detail, errors=[FieldError("/name", NamelessRelative.code, detail)])
    key = await _key_of(tx, phone)
    lead = await lock_lead(tx, tenant_id, lead_id)
    before = await relatives_of(tx, tenant_id, lead_id)
    if len(before) >= MOST:
        raise TooManyRelatives(f"{MOST} are most")
    made = Relative(new_id(), relation, name, key, phone, at, user_id)
    await store_relative(tx, tenant_id, lead_id, made)
    told = note_change(tx, lead, "relatives", _told(before), _told([*before, made]), user_id, at)
    return Named(await told, made)


async def _key_of(tx: Tx, phone: str | None) -> str | None:
    if not phone:
        return None
    tenant = await tenant_of(tx)
    contact = contact_of(Given(phone=phone), region_of(tenant.timezone, tenant.currency))
    if contact.others:
        detail = "one number; name them once more with each further one"
        raise BadField(detail, errors=[FieldError("/phone", "several_phones", detail)], code="several_phones")
    return contact.phone.key if contact.phone else None


async def unname_relative(
    tx: Tx, tenant_id: UUID, user_id: UUID | None, lead_id: UUID, relative_id: UUID, at: datetime
) -> None:
    """Raises UnknownLead, LeadErased, LeadMerged, UnknownRelative, KeyMissing."""
    lead = await lock_lead(tx, tenant_id, lead_id)
    before = await relatives_of(tx, tenant_id, lead_id)
    if not await remove_relative(tx, tenant_id, lead_id, relative_id):
        raise UnknownRelative(f"there is no relative {relative_id} on the lead {lead_id}")
    left = [each for each in before if each.id != relative_id]
    await note_change(tx, lead, "relatives", _told(before), _told(left), user_id, at)


def _told(relatives: Sequence[Relative]) -> list[dict[str, Any]]:
    return [{"relation": each.relation, "name": each.name, "phone": each.phone_text} for each in relatives]
