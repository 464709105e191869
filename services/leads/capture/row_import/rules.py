"""What a row of a file asks for: a lead to make, or what to change of one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal
from uuid import UUID

from services.leads.capture.custom_fields.rules import Schema
from services.leads.capture.custom_fields.values import Misfit, read
from services.leads.capture.intake.lead import Lead
from services.leads.capture.intake.rules import BadField, Contact, Draft
from services.leads.deduplication.duplicates.rules import Key
from shared.errors import Conflict, FieldError, Invalid

Mode = Literal["create", "update", "upsert"]
KeyKind = Literal["phone", "email", "credit_code", "external_id"]
EMPTIED: dict[str, Any] = {"tags": (), "custom": {}}
"""What a field is when it is emptied, where that is not None."""
_DRAFTED = (
    "name", "phone", "email", "company", "source", "channel", "campaign", "region", "product", "value",
    "tags", "credit_code", "wecom_id", "label", "value_class", "intent",
)  # fmt: skip


class KeyNotGiven(Invalid):
    code = "key_not_given"
    title = "The row does not say which lead it is about"


class NoSuchLead(Invalid):
    code = "no_such_lead"
    title = "No lead that you may see has this key"


class ChangedInSource(Conflict):
    code = "changed_in_source"
    title = "This row was imported before and said something else"


@dataclass(frozen=True, slots=True)
class Asked:
    """A row: `draft` has what it says, `emptied` are the fields that it says are to be empty."""

    external_id: str
    digest: str
    draft: Draft
    owner_id: UUID | None = None
    emptied: tuple[str, ...] = ()


def key_of(asked: Asked, kind: KeyKind, contact: Contact) -> Key:
    """The key that says which lead a row is about. Raises KeyNotGiven."""
    if kind == "external_id":
        return Key(kind, asked.external_id)
    for key in contact.keys:
        if key.kind == kind:
            return key
    detail = f"the row has no {kind}, by which leads are to be found"
    raise KeyNotGiven(detail, errors=[FieldError(f"/{kind}", KeyNotGiven.code, detail)])


def with_custom(asked: Asked, schema: Schema, zone: str) -> Asked:
    """The row with its custom fields as they are stored, where the tenant has defined them: a file has texts.

    Raises BadField naming every one that cannot be read.
    """
    read_as: dict[str, Any] = {}
    errors: list[FieldError] = []
    for key, text in asked.draft.custom.items():
        known = schema.fields.get(key)
        if known is None or not isinstance(text, str):
            read_as[key] = text
            continue
        try:
            read_as[key] = read(known.shown_type, known.options, text, zone)
        except Misfit as misfit:
            errors.append(FieldError(f"/custom/{key}", misfit.code, misfit.detail))
    if errors:
        raise BadField(errors[0].detail, errors=errors, code=errors[0].code)
    return replace(asked, draft=asked.draft._replace(custom=read_as))


def changes_of(asked: Asked, lead: Lead) -> Mapping[str, Any]:
    """What a row changes of a lead: what it leaves empty stays, what it says is to be empty goes."""
    given = {name: value for name in _DRAFTED if (value := getattr(asked.draft, name))}
    if asked.draft.custom:
        both = {**lead.custom, **asked.draft.custom}
        given["custom"] = {key: value for key, value in both.items() if value is not None}
    emptied = {name: EMPTIED.get(name) for name in asked.emptied}
    return {**emptied, **given}
