"""Loading an import, whatever it holds, to its end."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from services.gateway.imports.load_history import ensure_pipeline, folder, load_history
from services.gateway.imports.load_leads import load_leads
from services.gateway.imports.load_org import load_org
from services.gateway.imports.loading import Done, Loader, count_rows
from services.gateway.imports.mapping import DealsMapping, EventLogMapping, LeadsMapping
from services.gateway.imports.rows.tables import Units

Load = Callable[[Units], Awaitable[Done]]


async def load_rest(loader: Loader) -> None:
    """Load what is left, to the end; returns early where another process loads it too."""
    load = await _loading(loader)
    total = loader.known.units_total or 0
    skipped = loader.report.counts["rows_skipped"]
    while loader.known.units_done < total:
        units, last = await loader.next_units()
        passed = loader.report.counts["rows_skipped"] - skipped
        skipped += passed
        done = await load(units) if units else Done()
        if not await loader.commit(done, count_rows(units) + passed, last):
            return
    await loader.finish()


async def _loading(loader: Loader) -> Load:
    mapping = loader.mapping
    match mapping:
        case DealsMapping() | EventLogMapping():
            await ensure_pipeline(loader, mapping)
            fold = await folder(loader, mapping)
            return lambda units: load_history(loader, units, mapping, fold)
        case LeadsMapping():
            return lambda units: load_leads(loader, units, mapping)
        case _:
            return lambda units: load_org(loader, units)
