"""The projection of activities that leads needs."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from services.leads.touches.tables import lead_activities
from services.leads.touches.use_cases import store_touches
from shared.contracts.activities import ActivityRecorded
from shared.database.transactions import Tx
from shared.events.consuming.handlers import Projection
from shared.events.envelope import Received

touches_projection = Projection("leads.touches", tables=(lead_activities,))


@touches_projection.batch(ActivityRecorded)
async def on_activities_recorded(tx: Tx, batch: Sequence[Received]) -> None:
    rows = []
    for received in batch:
        data = received.data
        if data["lead_id"] is None:
            continue
        rep_id = data["credit"]["rep_id"]
        rows.append(
            {
                "tenant_id": received.tenant_id,
                "lead_id": UUID(data["lead_id"]),
                "activity_id": received.aggregate_id,
                "kind": data["kind"],
                "at": received.occurred_at,
                "outcome": data.get("outcome"),
                "duration_s": data.get("duration_s"),
                "effective": data["effective"],
                "rep_id": UUID(rep_id) if rep_id else None,
            }
        )
    await store_touches(tx, rows)
