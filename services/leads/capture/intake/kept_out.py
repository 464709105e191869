"""What somebody is told whose lead is kept out because it repeats another."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar
from uuid import UUID

from services.leads.capture.intake.use_cases import get_leads
from services.leads.deduplication.duplicates.rules import DuplicateLead
from services.leads.deduplication.parts.use_cases import roots_of
from shared.database.transactions import Tx

T = TypeVar("T")


async def named_if_seen(tx: Tx, tenant_id: UUID, results: Sequence[T]) -> list[T | DuplicateLead]:
    """What came of new leads; whoever is kept out is told by which lead, if they may see it."""
    blocked = [each.first_id for each in results if isinstance(each, DuplicateLead)]
    if not blocked:
        return list(results)
    roots = await roots_of(tx, tenant_id, set(blocked))
    seen = {lead.id for lead in await get_leads(tx, tenant_id, sorted(set(roots.values())))}
    return [
        DuplicateLead(each.kind, root, f"it repeats the lead {root}")
        if isinstance(each, DuplicateLead) and (root := roots[each.first_id]) in seen
        else each
        for each in results
    ]
