"""Events become numbers: the projection `scoring.kpis`."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from services.scoring.kpis.apply import Engine
from services.scoring.kpis.tables import CONSUMER, cells, facts, states
from services.scoring.kpis.translate import said
from shared.contracts.activities import ActivityRecorded
from shared.contracts.leads import (
    LeadAbsorbed,
    LeadAssigned,
    LeadCreated,
    LeadMerged,
    LeadPooled,
    LeadSeparated,
    LeadUnmerged,
    LeadUpdated,
    ResponseGiven,
    StageChanged,
)
from shared.database.transactions import Tx
from shared.events.consuming.handlers import Projection, current_run
from shared.events.envelope import Received

HANDLED = (
    LeadCreated,
    LeadAssigned,
    LeadPooled,
    LeadUpdated,
    StageChanged,
    ResponseGiven,
    LeadMerged,
    LeadUnmerged,
    LeadAbsorbed,
    LeadSeparated,
    ActivityRecorded,
)


def _nobody() -> None:
    """Nobody is told that numbers changed."""


def kpi_projection(changed: Callable[[], None] = _nobody) -> Projection:
    """The projection, for the worker, for a rebuild, and for the app's waits.

    `changed` is called when there is something to announce, before it is committed.
    """
    projection = Projection(CONSUMER)
    engine = Engine()

    @projection.batch(*HANDLED, prepare=said)
    async def apply_facts(tx: Tx, batch: Sequence[Received]) -> None:
        run = current_run()
        if await engine.apply(tx, batch, run.generation, announce=not run.rebuilding):
            changed()

    @projection.on_reset
    async def empty_generation(tx: Tx) -> None:
        raw = await tx.raw()
        for table in (states, facts, cells):
            await raw.execute(
                f"delete from {table.name} where generation = $1",  # noqa: S608 - our own table's name
                current_run().generation,
            )

    return projection
