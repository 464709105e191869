"""The projection of activities that leads needs."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Any
from uuid import UUID

from services.leads.follow_up.touches.tables import lead_activities
from services.leads.follow_up.touches.use_cases import store_touches
from shared.contracts.activities import ActivityRecorded
from shared.database.transactions import Tx
from shared.events.consuming.handlers import Projection
from shared.events.envelope import Received

Heed = Callable[[Tx, Sequence[Received]], Awaitable[None]]
"""Told of what was done for leads, of any tenants, just now."""


def touches_projection(*heeds: Heed) -> Projection:
    """`leads.touches`."""
    projection = Projection("leads.touches", tables=(lead_activities,))

    @projection.batch(ActivityRecorded)
    async def on_activities_recorded(tx: Tx, batch: Sequence[Received]) -> None:
        rows = [_row(received) for received in batch if received.data["lead_id"] is not None]
        await store_touches(tx, rows)
        now = [received for received in batch if not received.historic and received.data["lead_id"]]
        for heed in heeds:
            await heed(tx, now)

    return projection


def _row(received: Received) -> dict[str, Any]:
    data = received.data
    rep_id = data["credit"]["rep_id"]
    return {
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
