"""A row per new lead becomes what the leads service takes from everybody who creates leads."""

from __future__ import annotations

from typing import Any

from services.gateway.imports.mapping import LeadsMapping
from services.gateway.imports.rules import Fields, needed, parse_amount

_TEXTS = ("name", "phone", "email", "company", "source", "channel", "region", "product")


def lead_of(fields: Fields, mapping: LeadsMapping, tenant_currency: str) -> dict[str, Any]:
    """The body of one lead; money without a currency of its own is in the mapping's, else the tenant's.

    :raises RowError: it has no name, or its value is no amount.
    """
    needed(fields, "name")
    lead: dict[str, Any] = {name: fields[name] for name in _TEXTS if name in fields}
    if "value" in fields:
        currency = fields.get("currency") or mapping.currency or tenant_currency
        lead["value"] = parse_amount(fields, "value", currency)
    if "tags" in fields:
        lead["tags"] = [tag.strip() for tag in fields["tags"].split(";") if tag.strip()]
    return lead
