"""The projection of what reps have reached."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any
from uuid import UUID

from services.leads.assigning.standings.tables import UPSERT, rep_reaches
from services.leads.bulk import json_text
from shared.contracts.scoring import RepMeasured
from shared.database.transactions import Tx
from shared.events.consuming.handlers import Projection
from shared.events.envelope import Received


def standings_projection() -> Projection:
    """`leads.standings`."""
    projection = Projection("leads.standings", tables=(rep_reaches,))

    @projection.batch(RepMeasured)
    async def on_reps_measured(tx: Tx, batch: Sequence[Received]) -> None:
        newest: dict[tuple[UUID, UUID, date], list[Any]] = {}
        for received in batch:
            month = date.fromisoformat(received.data["month"])
            key = received.tenant_id, UUID(received.data["rep_id"]), month
            newest[key] = received.data["reaches"]
        tenants, reps, months = zip(*newest, strict=True)
        await tx.connection.execute(UPSERT, tenants, reps, months, [json_text(r) for r in newest.values()])

    return projection
