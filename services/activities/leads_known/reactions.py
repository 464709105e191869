"""The projection of `cox.leads`."""

from __future__ import annotations

from collections.abc import Sequence

from services.activities.leads_known import use_cases
from services.activities.leads_known.tables import known_leads
from shared.contracts.leads import (
    LeadAssigned,
    LeadCreated,
    LeadMerged,
    LeadPooled,
    LeadUnmerged,
    LeadUpdated,
    StageChanged,
)
from shared.database.transactions import Tx
from shared.events.consuming.handlers import Projection
from shared.events.envelope import Received

leads_known = Projection("activities.leads", tables=(known_leads,))


@leads_known.batch(LeadCreated, LeadAssigned, LeadPooled, LeadUpdated, StageChanged, LeadMerged, LeadUnmerged)
async def on_leads_changed(tx: Tx, batch: Sequence[Received]) -> None:
    await use_cases.learn(tx, batch)
