"""Gathering what is held about a person."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import LargeBinary

from services.leads.judging.classification.use_cases import Judged, explain
from services.leads.metadata import metadata
from services.leads.privacy.audit.rules import Asked, Entry
from services.leads.privacy.audit.use_cases import trail
from services.leads.privacy.erasure.rules import Shared
from services.leads.privacy.erasure.use_cases import leads_of_person
from services.leads.privacy.personal_data.rules import tables_about
from shared.access.principal import Principal
from shared.database.transactions import Tx

MOST_OF_A_LEAD = 10_000


@dataclass(frozen=True, slots=True)
class Held:
    """The person's leads, what was done with them, what rules decide about those that stand, and by table
    what else is stored.
    """

    leads: Sequence[Shared]
    trail: Sequence[Entry]
    judged: Sequence[Judged]
    records: dict[str, list[dict[str, Any]]]


async def held_about(tx: Tx, who: Principal, lead_id: UUID, at: datetime) -> Held:
    """Everything about the person behind a lead. Raises UnknownLead, TooManyLeads."""
    leads = await leads_of_person(tx, who.tenant_id, lead_id)
    ids = [shared.lead.id for shared in leads]
    entries = []
    for each in ids:
        entries += await trail(tx, who, Asked(lead_id=each), after=None, most=MOST_OF_A_LEAD)
    standing = [shared.lead.id for shared in leads if shared.lead.stands]
    judged = [await explain(tx, who.tenant_id, each, at) for each in standing]
    return Held(leads, entries, judged, await _records(tx, who.tenant_id, ids))


async def _records(tx: Tx, tenant_id: UUID, lead_ids: Sequence[UUID]) -> dict[str, list[dict[str, Any]]]:
    found = {}
    for table, columns in tables_about(_readable()).items():
        listed = ", ".join(columns)
        query = f"""
            select to_jsonb(t) as row from (
              select {listed} from {table} where tenant_id = $1 and lead_id = any($2::uuid[])) t"""  # noqa: S608 - own names
        rows = await tx.connection.fetch(query, tenant_id, list(lead_ids))
        if rows:
            found[table] = [row["row"] for row in rows]
    return found


def _readable() -> dict[str, list[str]]:
    """Every table of this service's rooms with its columns, but for what is no text, number or time."""
    return {
        name: [column.name for column in table.columns if not isinstance(column.type, LargeBinary)]
        for name, table in metadata.tables.items()
    }
