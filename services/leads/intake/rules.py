"""What a lead must be to be taken in, and everything that follows from its fields."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from services.leads.duplicates.rules import Key, keys_of
from services.leads.intake.contact import Phone, normalised_email, normalised_phone
from services.leads.search.rules import exact_term, search_text, text_terms
from shared.errors import CoxError, FieldError, Invalid
from shared.money import Money


class Nameless(Invalid):
    code = "nameless_lead"
    title = "A lead needs a name, a company, a phone or an e-mail address"


class BadField(Invalid):
    code = "invalid_request"
    title = "A field is not as it should be"


@dataclass(frozen=True, slots=True)
class Draft:
    """A lead as given; texts are trimmed and storable. What is None is not known."""

    name: str | None = None
    phone: str | None = None
    email: str | None = None
    company: str | None = None
    source: str | None = None
    channel: str | None = None
    region: str | None = None
    product: str | None = None
    value: Money | None = None
    tags: tuple[str, ...] = ()
    custom: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Contact:
    """Phone and e-mail address in one spelling."""

    phone: Phone | None
    email: str | None

    @property
    def keys(self) -> tuple[Key, ...]:
        return keys_of(self.phone.key if self.phone else None, self.email)


def contact_of(phone: str | None, email: str | None, region: str) -> Contact:
    """Both normalised; nationally written phones as in `region`. Raises BadField naming every bad one."""
    errors: list[FieldError] = []
    number: Phone | None = None
    address: str | None = None
    try:
        number = normalised_phone(phone, region) if phone else None
    except CoxError as error:
        errors.append(FieldError("/phone", error.problem_code, error.detail))
    try:
        address = normalised_email(email) if email else None
    except CoxError as error:
        errors.append(FieldError("/email", error.problem_code, error.detail))
    if errors:
        raise BadField(errors[0].detail, errors=errors, code=errors[0].code)
    return Contact(number, address)


def check_named(name: str | None, company: str | None, phone: str | None, email: str | None) -> None:
    """Raises Nameless where nothing says who it is."""
    if not (name or company or phone or email):
        raise Nameless(errors=[FieldError("/name", Nameless.code, "give a name, company, phone or email")])


def found_by(
    tenant_id: UUID, name: str | None, company: str | None, contact: Contact, tags: tuple[str, ...]
) -> tuple[str, list[int]]:
    """What words and exact values a lead is found by: its text, and its terms in ascending order."""
    phone = contact.phone
    digits = phone.e164.lstrip("+") + (phone.extension or "") if phone else None
    text = search_text([name, company, contact.email, digits])
    terms = text_terms(tenant_id, text)
    terms.update(exact_term(tenant_id, key.kind, key.value) for key in contact.keys)
    terms.update(exact_term(tenant_id, "tag", tag) for tag in tags)
    return text, sorted(terms)
