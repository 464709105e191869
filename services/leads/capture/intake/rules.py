"""What a lead must be to be taken in, and everything that follows from its fields."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, NamedTuple, ParamSpec, TypeVar
from uuid import UUID

from services.leads.capture.custom_fields.finding import Found
from services.leads.capture.intake.lead import Grade, Label
from services.leads.capture.normalising.credit_codes import normalised_credit_code
from services.leads.capture.normalising.emails import normalised_email
from services.leads.capture.normalising.phones import Phone, normalised_phones
from services.leads.capture.normalising.pinyin import typed
from services.leads.capture.normalising.wecom import checked_wecom_id
from services.leads.deduplication.duplicates.rules import Key, keys_of
from services.leads.finding.search.rules import exact_terms, search_text, text_terms
from services.leads.privacy.wishes.rules import Agreed
from shared.errors import CoxError, FieldError, Invalid
from shared.money import Money


class Nameless(Invalid):
    code = "nameless_lead"
    title = "A lead needs a name, a company, a phone or an e-mail address"


class BadField(Invalid):
    code = "invalid_request"
    title = "A field is not as it should be"


class Given(NamedTuple):
    """What identifies somebody, as it was written."""

    phone: str | None = None
    email: str | None = None
    credit_code: str | None = None
    wecom_id: str | None = None


class Draft(NamedTuple):
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
    custom: Mapping[str, Any] = MappingProxyType({})
    credit_code: str | None = None
    wecom_id: str | None = None
    label: Label | None = None
    value_class: Grade | None = None
    intent: Grade | None = None
    campaign: str | None = None
    consent: Agreed | None = None

    @property
    def given(self) -> Given:
        return Given(self.phone, self.email, self.credit_code, self.wecom_id)


class Contact(NamedTuple):
    """The same, each in one spelling; `others` are the further numbers that the phone's text held."""

    phone: Phone | None
    email: str | None
    others: tuple[Phone, ...] = ()
    credit_code: str | None = None
    wecom_id: str | None = None

    @property
    def phones(self) -> tuple[Phone, ...]:
        return (self.phone, *self.others) if self.phone else ()

    @property
    def keys(self) -> tuple[Key, ...]:
        return keys_of([phone.key for phone in self.phones], self.email, self.credit_code, self.wecom_id)


P = ParamSpec("P")
R = TypeVar("R")


def contact_of(given: Given, region: str) -> Contact:
    """All normalised; nationally written phones as in `region`. Raises BadField naming every bad one."""
    errors: list[FieldError] = []
    phone, email, code, wecom = given.phone, given.email, given.credit_code, given.wecom_id
    phones = _read(errors, "/phone", normalised_phones, phone, region) if phone else None
    contact = Contact(
        phones[0] if phones else None,
        _read(errors, "/email", normalised_email, email) if email else None,
        phones[1:] if phones else (),
        _read(errors, "/credit_code", normalised_credit_code, code) if code else None,
        _read(errors, "/wecom_id", checked_wecom_id, wecom) if wecom else None,
    )
    if errors:
        raise BadField(errors[0].detail, errors=errors, code=errors[0].code)
    return contact


def _read(
    errors: list[FieldError], pointer: str, normalised: Callable[P, R], *text: P.args, **none: P.kwargs
) -> R | None:
    try:
        return normalised(*text, **none)
    except CoxError as error:
        errors.append(FieldError(pointer, error.problem_code, error.detail))
        return None


def check_named(name: str | None, company: str | None, phone: str | None, email: str | None) -> None:
    """Raises Nameless where nothing says who it is."""
    if not (name or company or phone or email):
        raise Nameless(errors=[FieldError("/name", Nameless.code, "give a name, company, phone or email")])


def found_by(
    tenant_id: UUID,
    name: str | None,
    company: str | None,
    contact: Contact,
    tags: tuple[str, ...],
    custom: Found,
) -> tuple[str, str]:
    """What words and exact values a lead is found by: its text, and its terms, each once.

    These are written as an array literal. `custom`: what its custom fields add.
    """
    # One line for all of its numbers: what hides contact data passes over the last lines.
    digits = " ".join(phone.e164.lstrip("+") + (phone.extension or "") for phone in contact.phones)
    text = search_text([typed(name, company), name, company, contact.credit_code, contact.email, digits])
    terms = text_terms(tenant_id, text)
    exact = exact_terms(tenant_id, (*contact.keys, *(("tag", tag) for tag in tags)))
    lines, more = custom
    terms.update(map(str, (*exact, *more)))
    return "\n".join([line for line in (*lines, text) if line]), "{" + ",".join(terms) + "}"
