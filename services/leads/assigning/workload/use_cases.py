"""Reading, locking and shifting the counters. Locks come before those of leads; see the lock order."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from uuid import UUID

from services.leads.assigning.workload.tables import ENSURE, LOCK, READ, SHIFT, SHIFT_ONE
from shared.database.transactions import Tx


async def open_leads(tx: Tx, tenant_id: UUID, user_ids: Iterable[UUID]) -> dict[UUID, int]:
    """Open leads in hand of each user, without waiting for anybody."""
    ids = sorted(set(user_ids))
    rows = await tx.connection.fetch(READ, tenant_id, ids) if ids else []
    return dict.fromkeys(ids, 0) | {row["user_id"]: row["open_leads"] for row in rows}


async def lock_loads(tx: Tx, tenant_id: UUID, user_ids: Iterable[UUID]) -> dict[UUID, int]:
    """The same, locked in order until the transaction ends."""
    ids = sorted(set(user_ids))
    if not ids:
        return {}
    await tx.connection.execute(ENSURE, tenant_id, ids)
    return {row["user_id"]: row["open_leads"] for row in await tx.connection.fetch(LOCK, tenant_id, ids)}


def shift_of(tenant_id: UUID, user_id: UUID, by: int) -> tuple[str, tuple[UUID, UUID, int]]:
    """Adding to one counter, for `RowChange.of`."""
    return SHIFT_ONE, (tenant_id, user_id, by)


async def shift_loads(tx: Tx, tenant_id: UUID, by: Mapping[UUID, int]) -> None:
    """Add to the counters, in order."""
    changed = sorted((user, count) for user, count in by.items() if count)
    if changed:
        await tx.connection.execute(SHIFT, tenant_id, [user for user, _ in changed], [n for _, n in changed])
