"""What of a lead stands in which column, and which columns tell how to contact somebody."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any, TypeAlias
from uuid import UUID
from zoneinfo import ZoneInfo

from services.leads.capture.intake.lead import Lead
from services.leads.capture.intake.masking import may_contact
from services.leads.capture.intake.models import LeadOut
from services.leads.finding.exports.rules import UnknownColumn
from shared.access.principal import Principal
from shared.errors import FieldError

Cell: TypeAlias = "str | int | float | Decimal | bool | datetime | None"
"""A datetime has no zone: it is what the clock on the tenant's wall shows."""
Names: TypeAlias = Mapping[UUID, str]

CONTACTS = frozenset(
    {"phone", "phone_extension", "phone_text", "other_phones", "email", "email_text", "wecom_id"}
)
CUSTOM = "custom."
_NOT_AS_THEY_STAND = frozenset({"value", "custom"})
_OF_LEAD = tuple(name for name in LeadOut.model_fields if name not in _NOT_AS_THEY_STAND)
_MADE: dict[str, Callable[[Lead, Names], Cell]] = {
    "owner_name": lambda lead, names: None if lead.owner_id is None else names.get(lead.owner_id),
    "value_amount": lambda lead, _: None if lead.value is None else lead.value.amount,
    "value_currency": lambda lead, _: lead.value_currency,
}
COLUMNS = (*_OF_LEAD, *_MADE)
USUAL = (
    "id", "name", "company", "source", "channel", "campaign", "region", "product", "value_amount",
    "value_currency", "tags", "stage", "status", "owner_name", "created_at", "updated_at", "closed_at",
    "lost_reason",
)  # fmt: skip


def check_columns(columns: Sequence[str]) -> None:
    """Raises UnknownColumn naming every bad one."""
    errors = [
        FieldError(f"/columns/{at}", UnknownColumn.code, f"leads have no column {name}")
        for at, name in enumerate(columns)
        if name not in COLUMNS and not (name.startswith(CUSTOM) and len(name) > len(CUSTOM))
    ]
    if errors:
        raise UnknownColumn(errors[0].detail, errors=errors)


class Rows:
    """Leads as rows of these columns, as `who` may see them; without `contacts` masked in any case."""

    def __init__(self, columns: Sequence[str], who: Principal, zone: ZoneInfo, *, contacts: bool) -> None:
        self.columns = tuple(columns)
        self._who = who
        self._zone = zone
        self._contacts = contacts
        self._masks = not CONTACTS.isdisjoint(columns) and not contacts

    def of(self, leads: Sequence[Lead], names: Names) -> tuple[list[list[Cell]], list[UUID]]:
        """A row per lead, and the leads whose contact data stands there in full."""
        rows: list[list[Cell]] = []
        disclosed: list[UUID] = []
        for lead in leads:
            shown: Lead | LeadOut = lead
            if self._masks or (self._contacts and not self._may_contact(lead)):
                shown = LeadOut.of(lead).masked()
            elif self._contacts and lead.tells_contact:
                disclosed.append(lead.id)
            rows.append([self._cell(name, lead, shown, names) for name in self.columns])
        return rows, disclosed

    def _may_contact(self, lead: Lead) -> bool:
        return may_contact(self._who, pooled=lead.pooled_at is not None)

    def _cell(self, name: str, lead: Lead, shown: Lead | LeadOut, names: Names) -> Cell:
        if name.startswith(CUSTOM):
            return self._plain(lead.custom.get(name[len(CUSTOM) :]))
        made = _MADE.get(name)
        return made(lead, names) if made else self._plain(getattr(shown, name))

    def _plain(self, value: Any) -> Cell:
        match value:
            case None | str() | int() | float():
                return value
            case datetime():
                return value.astimezone(self._zone).replace(tzinfo=None, microsecond=0)
            case list() | tuple():
                return ", ".join(map(str, value))
        return str(value)
