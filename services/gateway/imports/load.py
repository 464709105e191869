"""Loading an import, whatever it holds, to its end."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from services.gateway.imports.load_history import ensure_pipeline, folder, load_history
from services.gateway.imports.load_leads import load_all_leads
from services.gateway.imports.load_org import load_org
from services.gateway.imports.loading import Done, Loader
from services.gateway.imports.mapping import DealsMapping, EventLogMapping, LeadsMapping
from services.gateway.imports.rows.tables import Units

Load = Callable[[Units], Awaitable[Done]]


async def load_rest(loader: Loader) -> None:
    """Load what is left, to the end; returns early where another process loads it too."""
    mapping = loader.mapping
    match mapping:
        case DealsMapping() | EventLogMapping():
            await ensure_pipeline(loader, mapping)
            fold = await folder(loader, mapping)
            whole = await _one_by_one(loader, lambda units: load_history(loader, units, mapping, fold))
        case LeadsMapping():
            whole = await load_all_leads(loader, mapping)
        case _:
            whole = await _one_by_one(loader, lambda units: load_org(loader, units))
    if whole:
        await loader.finish()


async def _one_by_one(loader: Loader, load: Load) -> bool:
    """Part after part; False where another process loads them too."""
    total = loader.known.units_total or 0
    while loader.known.units_done < total:
        part = await loader.next_part(loader.known.units_done)
        done = await load(part.units) if part.units else Done()
        if not await loader.commit(done, part):
            return False
    return True
