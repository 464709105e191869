"""An org: its units and people are made by the org's own use cases, all of a file in one transaction."""

from __future__ import annotations

from services.gateway.imports.loading import Done, Loader
from services.gateway.imports.org_rows import wanted_org
from services.gateway.imports.people import bring_org
from services.gateway.imports.rows.tables import Units
from services.gateway.imports.rules import Fields
from shared.events.positions import encode_token

_COUNTS = ("units_created", "units_changed", "users_created", "users_changed", "unchanged")


async def load_org(loader: Loader, units: Units) -> Done:
    """What the rows of the file came to."""
    done = Done()
    cells = {line: row for rows in units.values() for line, row in rows}
    rows: list[tuple[int, Fields]] = []
    for line, row in cells.items():
        if (fields := loader.fields_of(line, row, done)) is not None:
            rows.append((line, fields))
    wanted = wanted_org(rows)
    async with loader.database.transaction(loader.access) as tx:
        brought = await bring_org(tx, wanted, loader.clock.now(), dry_run=loader.known.dry_run)
        if tx.recorded:
            done.positions.append(encode_token(tx.recorded, loader.known.tenant_id, loader.secret))
    loader.report.counts.update({name: getattr(brought, name) for name in _COUNTS})
    done.problems += brought.problems
    done.bad |= {problem.line: cells[problem.line] for problem in brought.problems}
    return done
