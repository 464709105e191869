"""Who is one person, what must be kept, and how long. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

from services.leads.capture.intake.lead import Lead
from services.leads.capture.intake.naming import names_person
from services.leads.deduplication.duplicates.rules import Key
from shared.errors import Conflict, Invalid

KEPT_YEARS = 10
"""Records of a deal that was won, by the law on taxes (税收征收管理法实施细则, article 29)."""
MOST_AT_ONCE = 200
_SHARED_BY_STRANGERS = frozenset({"credit_code"})
"""A company's code is no person's."""


class NamesThePerson(Invalid):
    code = "reason_names_person"
    title = "The reason stays, and names whom it is about"


class NotTheSamePerson(Invalid):
    code = "not_the_same_person"
    title = "A lead has no phone, e-mail address or WeCom id in common with the person's"


class TooManyLeads(Conflict):
    code = "too_many_leads"
    title = "More leads share this contact data than one person's could; name those that are theirs"


@dataclass(frozen=True, slots=True)
class Shared:
    """A lead of a person, and by what it is known to be theirs: kinds of keys, or `merged`."""

    lead: Lead
    by: tuple[str, ...]
    formerly: tuple[str, ...] = ()
    """Contact data that it had before, as written."""


@dataclass(frozen=True, slots=True)
class Erasure:
    """A lead whose person is forgotten: since when, by whom and why.

    `kept` is what must be, of a deal that was won, up to `kept_until`: the company and its credit code, where
    they are not the person's own.
    """

    lead_id: UUID
    at: datetime
    erased_by: UUID | None
    reason: str
    kept: Mapping[str, str] | None
    kept_until: date | None


def personal_keys(keys: Iterable[Key]) -> frozenset[Key]:
    """Those that say who somebody is."""
    return frozenset(key for key in keys if key.kind not in _SHARED_BY_STRANGERS)


def to_keep(lead: Lead) -> dict[str, str]:
    """What of a lead must be kept when its person is forgotten."""
    if lead.status != "won":
        return {}
    kept = {} if lead.company is None or _is_persons(lead.company, lead.name) else {"company": lead.company}
    return kept | ({"credit_code": lead.credit_code} if lead.credit_code else {})


def _is_persons(company: str, name: str | None) -> bool:
    """A sole trader's business is called by their name."""
    return bool(name) and (name or "").casefold() in company.casefold()


def keep_until(lead: Lead) -> date | None:
    """The last day on which that must be kept."""
    if lead.status != "won" or lead.closed_at is None:
        return None
    closed = lead.closed_at.date()
    # The day after 29 February is in every year the same.
    last = (closed.month, closed.day) if (closed.month, closed.day) != (2, 29) else (2, 28)
    return date(closed.year + KEPT_YEARS, *last)


def check_reason(reason: str, leads: Iterable[Lead]) -> None:
    """Raises NamesThePerson where the reason holds a name, a number or an address of theirs."""
    if any(names_person(reason, lead) for lead in leads):
        raise NamesThePerson("say why without the person's name, number or address")
