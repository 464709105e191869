"""A lead's row without anything about its person."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import ARRAY
from sqlalchemy.dialects.postgresql import JSONB

from services.leads.capture.intake.tables import leads
from shared.database.transactions import Tx

STAYS = frozenset({
    "tenant_id", "id", "seq", "source", "channel", "campaign", "region", "product", "value_minor",
    "value_currency", "value_tenant_minor", "pipeline_id", "stage", "status", "stage_entered_at",
    "created_by", "started_at", "start_known", "created_at", "closed_at", "pool_id", "merged_into", "label",
    "value_class", "intent", "score",
})  # fmt: skip
"""What says nothing about a person by itself, and what numbers and references stand on. A column that is not
named here is emptied: a new one, too.
"""
# Nobody has an open lead in hand any more, nor does it lie anywhere; a code of why it was lost stays.
_BECOMES = {
    "owner_id": "case when status <> 'open' then owner_id end",
    "team_id": "case when status <> 'open' then team_id end",
    "lost_reason": "case when lost_reason ~ '^[a-z0-9_]{1,40}$' then lost_reason end",
    "do_not_contact": "true",
    "updated_at": "$3",
    "erased_at": "$3",
}


def _emptied() -> Iterator[str]:
    for column in leads.columns:
        if column.name in STAYS:
            continue
        nothing = "null" if column.nullable else "'{}'" if isinstance(column.type, ARRAY | JSONB) else "''"
        yield f"{column.name} = {_BECOMES.get(column.name, nothing)}"


_EMPTY = f"update leads set {', '.join(_emptied())} where tenant_id = $1 and id = any($2::uuid[])"  # noqa: S608


async def empty_leads(tx: Tx, tenant_id: UUID, ids: Sequence[UUID], at: datetime) -> None:
    """Leave of locked leads only what `STAYS`. The transaction sees the whole tenant."""
    await tx.connection.execute(_EMPTY, tenant_id, list(ids), at)
