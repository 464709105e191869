"""From filters to what the search is asked."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime
from uuid import UUID

from services.leads.capture.custom_fields.use_cases import schema_of
from services.leads.finding.filtering.custom import Wanted
from services.leads.finding.filtering.filters import Asking, LeadFilters
from services.leads.finding.search.use_cases import Asked, CustomTerms
from shared.access.directory import tenant_of
from shared.database.transactions import Tx


async def understood(
    tx: Tx,
    tenant_id: UUID,
    user_id: UUID | None,
    filters: Mapping[str, LeadFilters],
    at: datetime,
    *,
    hidden: Collection[str] = (),
) -> list[Asked]:
    """What these filters, by the pointers of where they stand, say together. `hidden`: custom fields that the
    user is not shown.

    Raises UnknownOwner, EmptyRange, BadMoney, BadCustomFilter, FieldInChange.
    """
    zone = currency = ""
    if any(told.is_of_tenant for told in filters.values()):
        tenant = await tenant_of(tx)
        zone, currency = tenant.timezone, tenant.currency
    found = []
    for pointer, told in filters.items():
        custom = CustomTerms()
        if told.custom:
            schema = await schema_of(tx, tenant_id)
            custom = Wanted(told.custom, f"{pointer}/custom", schema, tenant_id, zone, hidden).terms()
        found.append(Asking(user_id, at, pointer, zone, currency).asked(told, custom))
    return found
