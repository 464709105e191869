"""A row per lead becomes what the leads service takes from everybody who creates leads."""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from hashlib import blake2b
from typing import Any
from zoneinfo import ZoneInfo

from services.gateway.imports.consent_rows import consent_of
from services.gateway.imports.deals import row_identity
from services.gateway.imports.mapping import LeadsMapping
from services.gateway.imports.rules import Fields, Mode, RowError, parse_amount

_TEXTS = (
    "name", "phone", "email", "company", "credit_code", "wecom_id", "source", "channel", "campaign", "region",
    "product",
)  # fmt: skip
_NAMING = frozenset({"name", "company", "phone", "email"})
_BETWEEN_TAGS = re.compile("[;；、|]")
EMPTIED = frozenset({"<empty>", "<清空>"})
"""What a cell says whose field is to be emptied; an empty cell leaves it as it is."""
_NEVER_EMPTY = frozenset({
    "owner", "external_id", "currency", "consent", "consent_how", "consent_at", "consent_evidence",
})  # fmt: skip
"""What names somebody, the row, or the money beside it: nothing of the lead's own. What somebody agreed to
they withdraw; that is no empty cell.
"""


@dataclass(frozen=True, slots=True)
class LeadRow:
    """A row: `body` as `POST /v1/leads` takes it, the owner by name, and what it says is to be emptied.

    `external_id` names the row in its source, `digest` what it says; `said` is how its amount was read.
    """

    line: int
    external_id: str
    digest: str
    body: dict[str, Any]
    owner: str | None = None
    emptied: tuple[str, ...] = ()
    said: str | None = None


@dataclass(frozen=True, slots=True)
class Reading:
    """What all rows of a file are read by. Money without a currency of its own is in `currency`, and under
    headings that say so a `factor` larger; `custom` are the keys of custom fields that columns hold. Days are
    those of a `zone`, and `now` is when the file is read.
    """

    mapping: LeadsMapping
    currency: str
    zone: ZoneInfo
    now: datetime
    factor: Decimal | None = None
    mode: Mode = "create"
    custom: tuple[str, ...] = ()


def id_of_row(given: str) -> str:
    """What stands for a row's own id, which may be anything: a phone number, say."""
    return "id:" + blake2b(given.encode("utf-8", "replace"), digest_size=16).hexdigest()


def lead_of(line: int, fields: Fields, reading: Reading) -> LeadRow:
    """The lead of one row.

    :raises RowError: nothing says who it is, its value is no amount, or nobody can tell what they agreed to.
    """
    emptied: tuple[str, ...] = ()
    digest = row_identity(fields)
    if not EMPTIED.isdisjoint(fields.values()):
        emptied = _emptied(fields)
        fields = {name: text for name, text in fields.items() if text not in EMPTIED}
        if reading.mode == "create":
            emptied = ()
    if reading.mode == "create" and _NAMING.isdisjoint(fields):
        raise RowError("name", "missing_value", "nothing says who it is: no name, company, phone or e-mail")
    lead: dict[str, Any] = {name: fields[name] for name in _TEXTS if name in fields}
    said = None
    if "value" in fields:
        currency = fields.get("currency", "").upper() or reading.mapping.currency or reading.currency
        worth = parse_amount(fields, "value", currency, reading.factor)
        lead["value"], said = worth.money, worth.said
    if "tags" in fields:
        lead["tags"] = [tag for part in _BETWEEN_TAGS.split(fields["tags"]) if (tag := part.strip())]
    if (consent := consent_of(fields, reading.mapping.consent, reading.zone, reading.now)) is not None:
        lead["consent"] = consent
    if reading.custom:
        lead["custom"] = _custom(fields, reading, emptied)
        emptied = tuple(name for name in emptied if not name.startswith("custom."))
    given = fields.get("external_id")
    external_id = digest if given is None else id_of_row(given)
    return LeadRow(line, external_id, digest, lead, fields.get("owner"), emptied, said)


def _emptied(fields: Fields) -> tuple[str, ...]:
    """What the row says is to be empty. Raises RowError for what cannot be."""
    found = tuple(sorted(name for name, text in fields.items() if text in EMPTIED))
    for name in found:
        if name in _NEVER_EMPTY:
            raise RowError(name, "not_to_be_emptied", "this cannot be emptied; leave the cell empty")
    return found


def _custom(fields: Fields, reading: Reading, emptied: Collection[str]) -> dict[str, str | None]:
    """The row's custom fields; null is what is to be emptied."""
    names = {key: f"custom.{key}" for key in reading.custom}
    given = {key: fields[name] for key, name in names.items() if name in fields}
    return given | dict.fromkeys(key for key, name in names.items() if name in emptied)
