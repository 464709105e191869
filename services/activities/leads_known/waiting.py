"""A lead that was created a moment ago is on its way here: whoever records for it waits a little."""

from __future__ import annotations

import asyncio
import time
from uuid import UUID

from services.activities.leads_known.use_cases import find_leads
from shared.database.transactions import Access, Database

LONGEST_S = 2.0
PAUSE_S = 0.05


async def wait_for_lead(
    database: Database, access: Access, lead_id: UUID, longest_s: float | None = None
) -> bool:
    """Whether the caller sees the lead, now or within `longest_s` (default LONGEST_S); no connection is held
    between two looks.
    """
    until = time.monotonic() + (LONGEST_S if longest_s is None else longest_s)
    while True:
        async with database.transaction(access) as tx:
            if await find_leads(tx, [lead_id]):
                return True
        if time.monotonic() >= until:
            return False
        await asyncio.sleep(PAUSE_S)
