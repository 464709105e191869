"""What reps have reached, for whoever decides by it."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from fractions import Fraction
from uuid import UUID
from zoneinfo import ZoneInfo

from services.leads.assigning.standings.rules import Reached, Share, first_month
from services.leads.assigning.standings.tables import SUMS
from shared.access.directory import tenant_of
from shared.database.transactions import Tx


async def reached_by(
    tx: Tx, tenant_id: UUID, rep_ids: Collection[UUID], share: Share, at: datetime
) -> dict[UUID, Reached]:
    """What each has reached of the share's metric in its months, as far as there is data."""
    zone = ZoneInfo((await tenant_of(tx, tenant_id)).timezone)
    first = first_month(at.astimezone(zone).date(), share.months)
    rows = await tx.connection.fetch(SUMS, tenant_id, list(rep_ids), first, share.metric)
    return {
        row["rep_id"]: Reached(
            Fraction(row["numerator"], 1 if row["denominator"] is None else row["denominator"]),
            row["direction"],
        )
        for row in rows
        if row["denominator"] != 0
    }
