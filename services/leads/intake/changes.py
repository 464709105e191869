"""Changing the fields of a lead: what it is found by, its keys and its value follow."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any
from uuid import UUID

from services.leads.duplicates.rules import Claim, Key, duplicates, keys_of
from services.leads.duplicates.use_cases import hold_keys, release_key
from services.leads.intake.contact import Phone, region_of
from services.leads.intake.lead import Lead
from services.leads.intake.rules import Contact, check_named, contact_of, found_by
from services.leads.intake.tables import INSERT_CHANGE, leads, store_change
from services.leads.intake.use_cases import get_lead, lock_lead
from services.leads.search.use_cases import next_lead_with
from services.leads.valuation.rules import Valued
from services.leads.valuation.use_cases import Valuer
from shared.access.directory import tenant_of
from shared.contracts.leads import LeadUpdated
from shared.database.transactions import Tx
from shared.errors import Conflict
from shared.events.journal import NewEvent, record_events

_PLAIN = ("name", "company", "source", "channel", "region", "product", "tags", "custom", "do_not_contact")


class ChangedMeanwhile(Conflict):
    code = "changed_meanwhile"
    title = "Somebody changed the same contact data at the same moment; try again"


async def update_lead(
    tx: Tx,
    tenant_id: UUID,
    user_id: UUID | None,
    lead_id: UUID,
    changes: Mapping[str, Any],
    at: datetime,
    *,
    check_version: Callable[[int], None],
) -> Lead:
    """Change fields, named as in Draft; None empties one. Nothing is recorded where nothing changes.

    Raises UnknownLead, BadField, Nameless, RateMissing, ChangedMeanwhile, and what `check_version` raises.
    """
    valuer = Valuer(tx, await tenant_of(tx))
    before = await get_lead(tx, tenant_id, lead_id)
    check_version(before.version)
    wanted = await _changed(valuer, before, changes, at)
    # Keys are locked before leads, by what was read without a lock; the lock on the lead then confirms it.
    holders = await _hold(tx, tenant_id, before, wanted)
    old = await lock_lead(tx, tenant_id, lead_id)
    check_version(old.version)
    if keys(old) != keys(before):
        raise ChangedMeanwhile
    new = await _changed(valuer, old, changes, at)
    if holders:
        new = replace(new, duplicate_of=duplicates([Claim(lead_id, keys(new))], holders).get(lead_id))
        await _release(tx, tenant_id, old, new, holders)
    names = changed_names(old, new)
    return await _store(tx, valuer.tenant.currency, user_id, new, names, at) if names else old


def keys(lead: Lead) -> tuple[Key, ...]:
    """The lead's exact keys."""
    return keys_of(lead.phone_key, lead.email)


def changed_names(old: Lead, new: Lead) -> tuple[str, ...]:
    """The fields that differ, by the names users know."""
    names = [name for name in _PLAIN if getattr(old, name) != getattr(new, name)]
    if old.phone_key != new.phone_key or old.phone_text != new.phone_text:
        names.append("phone")
    if old.email_text != new.email_text:
        names.append("email")
    if (old.value_minor, old.value_currency) != (new.value_minor, new.value_currency):
        names.append("value")
    return tuple(sorted(names))


async def _changed(valuer: Valuer, lead: Lead, changes: Mapping[str, Any], at: datetime) -> Lead:
    fields = dict(changes)
    region = region_of(valuer.tenant.timezone, valuer.tenant.currency)
    contact = contact_of(fields.get("phone"), fields.get("email"), region)
    if "phone" in fields:
        fields["phone_text"] = fields["phone"]
        fields["phone"] = contact.phone.e164 if contact.phone else None
        fields["phone_extension"] = contact.phone.extension if contact.phone else None
    if "email" in fields:
        fields["email_text"] = fields["email"]
        fields["email"] = contact.email
    if "value" in fields:
        fields |= value_columns(await valuer.value(fields.pop("value"), at))
    after = replace(lead, **fields)
    check_named(after.name, after.company, after.phone, after.email)
    return after


def value_columns(value: Valued | None) -> dict[str, Any]:
    """The columns that hold an amount."""
    return {
        "value_minor": value.minor if value else None,
        "value_currency": value.currency if value else None,
        "value_tenant_minor": value.tenant_minor if value else None,
    }


async def _hold(tx: Tx, tenant_id: UUID, old: Lead, new: Lead) -> dict[Key, UUID]:
    if keys(old) == keys(new):
        return {}
    return await hold_keys(tx, tenant_id, old.id, {*keys(old), *keys(new)})


async def _release(tx: Tx, tenant_id: UUID, old: Lead, new: Lead, holders: Mapping[Key, UUID]) -> None:
    for key in sorted(set(keys(old)) - set(keys(new))):
        if holders[key] == old.id:
            successor = await next_lead_with(tx, tenant_id, key.kind, key.value, old.id)
            await release_key(tx, tenant_id, old.id, key, successor)


async def _store(
    tx: Tx, currency: str, user_id: UUID | None, new: Lead, names: tuple[str, ...], at: datetime
) -> Lead:
    phone = Phone(new.phone, new.phone_extension) if new.phone else None
    text, terms = found_by(new.tenant_id, new.name, new.company, Contact(phone, new.email), new.tags)
    new = replace(new, updated_at=at)
    await store_change(tx, new, text, terms)
    event = LeadUpdated(changed=names, dimensions=new.dimensions, value=new.amount(currency))
    seq = (await record_events(tx, leads, [NewEvent(new.id, event, at)]))[-1].seq
    await tx.connection.execute(INSERT_CHANGE, new.tenant_id, new.id, seq, at, user_id, list(names))
    return replace(new, seq=seq)
