"""Changing the fields of a lead: what it is found by, its keys and its value follow."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from types import MappingProxyType
from typing import Any
from uuid import UUID

from services.leads.bulk import json_text
from services.leads.capture.custom_fields.finding import found_by as found_by_custom
from services.leads.capture.custom_fields.rules import Schema
from services.leads.capture.custom_fields.use_cases import schema_of
from services.leads.capture.intake.lead import CLASSED, Lead
from services.leads.capture.intake.rules import Contact, Given, check_named, contact_of, found_by
from services.leads.capture.intake.tables import INSERT_CHANGE, PUT_FOUND, TOUCH, field_change
from services.leads.capture.intake.use_cases import get_lead, lock_lead
from services.leads.capture.normalising.phones import phone_of_key
from services.leads.capture.normalising.regions import region_of
from services.leads.deduplication.duplicates.rules import Claim, Key, duplicates, keys_of
from services.leads.deduplication.duplicates.use_cases import hold_keys, release_key
from services.leads.deduplication.parts.use_cases import roots_of
from services.leads.finding.search.use_cases import next_lead_with
from services.leads.follow_up.pipelines.use_cases import get_pipeline
from services.leads.judging.valuation.rules import Valued
from services.leads.judging.valuation.use_cases import Valuer
from services.leads.privacy.sealing.use_cases import seal
from shared.access.directory import tenant_of
from shared.contracts.leads import LeadUpdated
from shared.database.transactions import Tx
from shared.errors import Conflict
from shared.events.journal import NewEvent, RowChange, change_and_record

_PLAIN = (
    "name",
    "company",
    "source",
    "channel",
    "campaign",
    "region",
    "product",
    "tags",
    "custom",
    "do_not_contact",
    "wecom_id",
    "label",
    "value_class",
    "intent",
    "score",
)
_READ_FROM = {
    "phone": ("phone", "phone_extension", "other_phones"),
    "email": ("email",),
    "credit_code": ("credit_code",),
    "wecom_id": ("wecom_id",),
}
_KEPT_AS_GIVEN = ("phone", "email", "credit_code")

Differences = Mapping[str, tuple[Any, Any]]
"""Before and after, by the names that users know."""


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

    Raises UnknownLead, LeadErased, LeadMerged, BadField, BadCustomValue, Nameless, RateMissing,
    ChangedMeanwhile, KeyMissing, and what `check_version` raises.
    """
    valuer = Valuer(tx, await tenant_of(tx))
    schema = await schema_of(tx, tenant_id)
    before = await get_lead(tx, tenant_id, lead_id)
    check_version(before.version)
    wanted = await _changed(tx, valuer, schema, before, changes, at)
    # Keys are locked before leads, by what was read without a lock; the lock on the lead then confirms it.
    holders = await _hold(tx, tenant_id, before, wanted)
    old = await lock_lead(tx, tenant_id, lead_id)
    check_version(old.version)
    if keys(old) != keys(before):
        raise ChangedMeanwhile
    new = await _changed(tx, valuer, schema, old, changes, at)
    if holders:
        new = new._replace(duplicate_of=await repeated_by(tx, new, holders))
        await release_keys(tx, tenant_id, old, new, holders)
    names = changed_names(old, new)
    currency = valuer.tenant.currency
    return await store_fields(tx, currency, schema, user_id, old, new, names, at) if names else old


async def repeated_by(tx: Tx, lead: Lead, holders: Mapping[Key, UUID]) -> UUID | None:
    """The lead that has one of this one's keys; what is a part of it is no other one."""
    if all(holder == lead.id for holder in holders.values()):
        return None
    roots = await roots_of(tx, lead.tenant_id, set(holders.values()))
    others = {key: lead.id if roots[holder] == lead.id else holder for key, holder in holders.items()}
    return duplicates([Claim(lead.id, keys(lead))], others).get(lead.id)


def keys(lead: Lead) -> tuple[Key, ...]:
    """The lead's exact keys."""
    return keys_of(lead.phone_keys, lead.email, lead.credit_code, lead.wecom_id)


def known_contact(lead: Lead) -> Contact:
    """What identifies a stored lead."""
    phones = [phone_of_key(key) for key in lead.phone_keys]
    first = phones[0] if phones else None
    return Contact(first, lead.email, tuple(phones[1:]), lead.credit_code, lead.wecom_id)


def found_as(schema: Schema, lead: Lead) -> tuple[str, str]:
    """What a stored lead is found by, its tenant's custom fields being these; see `found_by`."""
    custom = found_by_custom(lead.tenant_id, schema.fields.values(), lead.custom)
    return found_by(lead.tenant_id, lead.name, lead.company, known_contact(lead), lead.tags, custom)


def changed_names(old: Lead, new: Lead) -> tuple[str, ...]:
    """The fields that differ, by the names users know."""
    names = [name for name in _PLAIN if getattr(old, name) != getattr(new, name)]
    # Kept by hand from now on, though it is what the rules had given.
    names += [name for name in CLASSED if name not in names and (name in old.ruled) != (name in new.ruled)]
    if old.phone_keys != new.phone_keys or old.phone_text != new.phone_text:
        names.append("phone")
    if old.email_text != new.email_text:
        names.append("email")
    if old.credit_code_text != new.credit_code_text:
        names.append("credit_code")
    if (old.value_minor, old.value_currency) != (new.value_minor, new.value_currency):
        names.append("value")
    return tuple(sorted(names))


async def _changed(
    tx: Tx, valuer: Valuer, schema: Schema, lead: Lead, changes: Mapping[str, Any], at: datetime
) -> Lead:
    wanted = dict(changes)
    if "custom" in wanted:
        passed = await _passed(tx, lead) if schema.required else frozenset()
        wanted["custom"] = schema.of_changed(wanted["custom"], lead.custom, passed)
    given = {name: wanted[name] for name in _READ_FROM if name in wanted}
    if given:
        region = region_of(valuer.tenant.timezone, valuer.tenant.currency)
        read = contact_columns(contact_of(Given(**given), region))
        wanted |= {column: read[column] for name in given for column in _READ_FROM[name]}
        wanted |= {f"{name}_text": text for name, text in given.items() if name in _KEPT_AS_GIVEN}
    if any(name in wanted for name in CLASSED):
        wanted["ruled"] = tuple(name for name in lead.ruled if name not in wanted)
    if "value" in wanted:
        wanted |= value_columns(await valuer.value(wanted.pop("value"), at))
    after = lead._replace(**wanted)
    check_named(after.name, after.company, after.phone, after.email)
    return after


async def _passed(tx: Tx, lead: Lead) -> frozenset[str]:
    return (await get_pipeline(tx, lead.tenant_id, lead.pipeline_id)).up_to(lead.stage)


def contact_columns(contact: Contact) -> dict[str, Any]:
    """The columns that hold what identifies somebody, in one spelling."""
    phone = contact.phone
    return {
        "phone": phone.e164 if phone else None,
        "phone_extension": phone.extension if phone else None,
        "other_phones": tuple(other.key for other in contact.others),
        "email": contact.email,
        "credit_code": contact.credit_code,
        "wecom_id": contact.wecom_id,
    }


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


async def release_keys(tx: Tx, tenant_id: UUID, old: Lead, new: Lead, holders: Mapping[Key, UUID]) -> None:
    """Pass on the keys that a lead has no longer; `holders` are locked, of all that it had and has."""
    for key in sorted(set(keys(old)) - set(keys(new))):
        if holders[key] == old.id:
            successor = await next_lead_with(tx, tenant_id, key.kind, key.value, old.id)
            await release_key(tx, tenant_id, old.id, key, successor)


async def store_fields(
    tx: Tx,
    currency: str,
    schema: Schema,
    user_id: UUID | None,
    old: Lead,
    new: Lead,
    names: tuple[str, ...],
    at: datetime,
    *,
    also: Differences = MappingProxyType({}),
) -> Lead:
    """Store what has changed of a locked lead, why, and what it is found by from now on. `also`: what else
    has, which is stored elsewhere.
    """
    text, terms = found_as(schema, new)
    new = new._replace(updated_at=at, seq=old.seq + 1)
    event = LeadUpdated(changed=(*names, *also), dimensions=new.dimensions, value=new.amount(currency))
    row = await change_row(tx, old, new, names, user_id, at, also=also)
    change = RowChange.of(field_change(new, text, terms), row)
    await change_and_record(tx, change, [NewEvent(new.id, event, at)], above={new.id: old.seq})
    return new


async def rewrite_custom(
    tx: Tx, schema: Schema, currency: str, old: Lead, custom: Mapping[str, Any], at: datetime
) -> None:
    """Store what a locked lead says in its custom fields in another form.

    It is recorded as what belongs to the past: nobody did anything, so nothing is to follow.
    """
    new = old._replace(custom=dict(custom), seq=old.seq + 1)
    event = LeadUpdated(changed=("custom",), dimensions=new.dimensions, value=new.amount(currency))
    change = RowChange.of(
        field_change(new, *found_as(schema, new)), await change_row(tx, old, new, ("custom",), None, at)
    )
    await change_and_record(tx, change, [NewEvent(new.id, event, at, historic=True)], above={new.id: old.seq})


async def store_found(tx: Tx, schema: Schema, tenant_id: UUID, leads: Sequence[Lead]) -> None:
    """Store what locked leads are found by, their tenant's custom fields being these."""
    if leads:
        texts, terms = zip(*(found_as(schema, lead) for lead in leads), strict=True)
        ids = [lead.id for lead in leads]
        await tx.connection.execute(PUT_FOUND, tenant_id, ids, texts, terms)


async def note_change(
    tx: Tx, lead: Lead, name: str, before: Any, after: Any, user_id: UUID | None, at: datetime
) -> Lead:
    """Record that something changed which belongs to a locked lead, and stands elsewhere.

    Raises KeyMissing.
    """
    amount = lead.amount((await tenant_of(tx)).currency)
    plain, sealed = await seal(tx, lead.tenant_id, lead.id, {name: (before, after)})
    kept = json_text(plain) if plain else None
    seq = lead.seq + 1
    event = LeadUpdated(changed=(name,), dimensions=lead.dimensions, value=amount)
    change = RowChange.of(
        (TOUCH, (lead.tenant_id, lead.id, at, seq)),
        (INSERT_CHANGE, (lead.tenant_id, lead.id, seq, at, user_id, [name], kept, sealed)),
    )
    await change_and_record(tx, change, [NewEvent(lead.id, event, at)], above={lead.id: lead.seq})
    return lead._replace(seq=seq, updated_at=at)


async def change_row(
    tx: Tx,
    old: Lead,
    new: Lead,
    names: Sequence[str],
    user_id: UUID | None,
    at: datetime,
    *,
    also: Differences = MappingProxyType({}),
) -> tuple[str, Sequence[Any]]:
    """The record of a change to a locked lead, for `RowChange.of`: whoever writes fields writes this, too.

    `new.seq` is that of the event which says what changed. Raises KeyMissing.
    """
    plain, sealed = await seal(tx, new.tenant_id, new.id, differences(old, new, names) | dict(also))
    kept = json_text(plain) if plain else None
    return INSERT_CHANGE, (new.tenant_id, new.id, new.seq, at, user_id, [*names, *also], kept, sealed)


def differences(old: Lead, new: Lead, names: Sequence[str]) -> dict[str, tuple[Any, Any]]:
    """Before and after, by the names that users know; of custom fields those that differ."""
    found: dict[str, tuple[Any, Any]] = {name: (_seen(old, name), _seen(new, name)) for name in names}
    if "custom" in names:
        both = {**old.custom, **new.custom}
        differ = [key for key in both if old.custom.get(key) != new.custom.get(key)]
        before, after = ({key: each.custom.get(key) for key in differ} for each in (old, new))
        found["custom"] = (before, after)
    return found


def _seen(lead: Lead, name: str) -> Any:
    if name in _KEPT_AS_GIVEN:
        # As written: what follows from it can be told again.
        return getattr(lead, f"{name}_text")
    if name == "value":
        return lead.value and {"amount": format(lead.value.amount, "f"), "currency": lead.value.currency}
    return getattr(lead, name)
