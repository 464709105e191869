"""What a form may look like."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import urlsplit
from uuid import UUID

from services.gateway.forms.asked import Asked, ConsentShown, Fixed, Kind, Label, Paragraph, Shown
from shared.errors import Conflict, FieldError, Gone, Invalid, NotFound

KEY = re.compile(r"[A-Za-z0-9_-]{22}")
NAMING = ("name", "company", "phone", "email")
"""One of these at least says who it is."""

TRAP = "homepage"
VIA = "via"
CONSENT = "consent"
SUBMISSION = "submission"
RESERVED = frozenset({TRAP, VIA, CONSENT, SUBMISSION})
"""What else than answers a submission may hold; no lead's field has such a name."""

LABELS: dict[str, Label] = {
    "name": Label(zh="姓名", en="Name"),
    "phone": Label(zh="电话", en="Phone"),
    "email": Label(zh="邮箱", en="E-mail"),
    "company": Label(zh="公司", en="Company"),
    "region": Label(zh="地区", en="Region"),
    "product": Label(zh="产品", en="Product"),
    "value": Label(zh="预算金额", en="Budget"),
}
KINDS: dict[str, Kind] = {"phone": "phone", "email": "email", "value": "money"}

_URL = re.compile(r"[\x21\x23-\x3b\x3d\x3f-\x5b\x5d\x5f\x61-\x7a\x7e]{1,2000}")
_HOST = re.compile(r"[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*", re.IGNORECASE)


class BadForm(Invalid):
    code = "bad_form"
    title = "Nobody could fill in this form"


class FormNameTaken(Conflict):
    code = "form_name_taken"
    title = "Another form of the tenant has this name"


class UnknownForm(NotFound):
    code = "unknown_form"
    title = "There is no such form"


class FormClosed(Gone):
    code = "form_closed"
    title = "This form takes nothing any more"


@dataclass(frozen=True, slots=True)
class Form:
    """`key` is its public name, in its address; `version` its seq."""

    id: UUID
    tenant_id: UUID
    version: int
    key: str
    name: str
    title: Label
    intro: Paragraph | None
    fields: tuple[Shown, ...]
    fixed: Fixed
    consent: ConsentShown | None
    origins: tuple[str, ...]
    thanks: Paragraph | None
    redirect_url: str | None
    per_minute: int
    per_day: int
    enabled: bool
    changed_by: UUID | None
    created_at: datetime
    updated_at: datetime


def plain_shown(asked: Asked) -> Shown:
    """One of a lead's own fields as people see it."""
    kind: Kind = "choice" if asked.options else KINDS.get(asked.field, "text")
    return Shown(
        field=asked.field,
        label=asked.label or LABELS[asked.field],
        required=asked.required,
        options=asked.options,
        kind=kind,
    )


def check_asked(fields: Sequence[Asked]) -> None:
    """Raises BadForm, naming every place at fault."""
    found = list(_faults(fields))
    if not any(each.field in NAMING for each in fields):
        detail = f"ask for one of {', '.join(NAMING)}, or nobody knows who it is"
        found.append(FieldError("/fields", "nameless_lead", detail))
    if found:
        raise BadForm(found[0].detail, errors=found)


def _faults(fields: Sequence[Asked]) -> Iterator[FieldError]:
    seen: set[str] = set()
    for at, each in enumerate(fields):
        if each.field in seen:
            yield FieldError(f"/fields/{at}/field", "repeated_field", f"{each.field} is asked once")
        seen.add(each.field)
        if each.options and each.field in ("phone", "email", "value"):
            yield FieldError(f"/fields/{at}/options", "not_a_choice", f"nobody chooses their {each.field}")
        values = [option.value for option in each.options]
        for place, value in enumerate(values):
            if value in values[:place]:
                detail = f"{value!r} is there already"
                yield FieldError(f"/fields/{at}/options/{place}/value", "repeated_option", detail)


def https_url(text: str) -> str | None:
    """What is wrong with an address that people are sent to; None: nothing."""
    if not _URL.fullmatch(text) or not text.startswith("https://"):
        return "An address that begins with https://, without spaces, other scripts in their %-form"
    parts = urlsplit(text)
    try:
        has_port = parts.port is None or parts.port > 0
    except ValueError:
        has_port = False
    host = parts.hostname or ""
    if parts.username is not None or not has_port or not _HOST.fullmatch(host) or "." not in host:
        return "An address with a host's full name, without user or password"
    return None


def origin_fault(text: str) -> str | None:
    """What is wrong with an origin as browsers name them; None: nothing."""
    scheme, _, rest = text.partition("://")
    host, _, port = rest.partition(":")
    good = scheme in ("http", "https") and _HOST.fullmatch(host) and text == text.lower()
    if not good or (":" in rest and not re.fullmatch(r"[1-9][0-9]{0,4}", port)):
        return "An origin such as https://www.example.com, in lower case, without a path"
    return None


def origin_of(url: str) -> str:
    """Where an address leads."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"


def check_open(form: Form) -> Form:
    """Raises FormClosed."""
    if not form.enabled:
        raise FormClosed
    return form
