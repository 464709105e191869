"""What those have in hand who are to have leads of a pool, and who waits for which lead."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from datetime import date, datetime
from uuid import UUID

from services.leads.assigning.workload.use_cases import lock_loads, open_leads
from services.leads.capture.intake.use_cases import count_customers
from services.leads.pools.pool.rules import Cooling, Pool
from services.leads.pools.pool.tables import CLAIMS_OF, COOLINGS
from shared.database.transactions import Tx


async def in_hand(
    tx: Tx, tenant_id: UUID, pool: Pool, user_ids: Collection[UUID], *, lock: bool
) -> Mapping[UUID, int]:
    """How many each has of what the pool's caps count: open leads, or customers.

    `lock` holds their counters, and with them both numbers, until the transaction ends. Of customers it sees
    the whole tenant from here on.
    """
    loads = await (lock_loads if lock else open_leads)(tx, tenant_id, user_ids)
    return loads if pool.kind == "leads" else await count_customers(tx, tenant_id, user_ids)


async def claims_of(
    tx: Tx, tenant_id: UUID, pool: Pool, user_ids: Collection[UUID], day: date
) -> dict[UUID, int]:
    """What each has claimed from the pool on a natural day of the tenant."""
    rows = await tx.connection.fetch(CLAIMS_OF, tenant_id, list(user_ids), pool.id, day)
    return dict.fromkeys(user_ids, 0) | {row["user_id"]: row["claims"] for row in rows}


async def coolings_of(
    tx: Tx, tenant_id: UUID, lead_ids: Sequence[UUID], at: datetime
) -> Mapping[UUID, Sequence[Cooling]]:
    """By lead, who waits for it beyond a moment; empty where nobody does."""
    found: defaultdict[UUID, list[Cooling]] = defaultdict(list)
    for row in await tx.connection.fetch(COOLINGS, tenant_id, list(lead_ids), at):
        found[row["lead_id"]].append(Cooling(*row))
    return found
