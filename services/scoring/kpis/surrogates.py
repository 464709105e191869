"""Small integers for ids and codes of dimensions.

Looked up anew for each batch: a memory of them would outlive a table that was emptied, and saves little.
"""

from __future__ import annotations

from collections.abc import Iterable, Set
from typing import TYPE_CHECKING
from uuid import UUID

from services.scoring.kpis import statements
from services.scoring.kpis.happenings import Place
from services.scoring.kpis.translate import Keys

if TYPE_CHECKING:
    from shared.database.connections import Raw

_Key = tuple[UUID, int, str]


async def places_of(raw: Raw, wanted: Set[tuple[UUID, Keys]]) -> dict[tuple[UUID, Keys], Place]:
    """The place of each (tenant, keys); ids and codes met for the first time get their surrogate."""
    found = await _surrogates(raw, {key for tenant, keys in wanted for key in _each(tenant, keys)})
    return {
        (tenant, keys): Place(*[found[tenant, kind, key] if key else 0 for kind, key in enumerate(keys, 1)])
        for tenant, keys in wanted
    }


def _each(tenant: UUID, keys: Keys) -> Iterable[_Key]:
    """Kinds are numbered from 1, as in `views.KINDS`."""
    return [(tenant, kind, key) for kind, key in enumerate(keys, start=1) if key]


async def _surrogates(raw: Raw, wanted: set[_Key]) -> dict[_Key, int]:
    """Found, or added in one order, so that two consumers never wait for one another in a circle."""
    if not wanted:
        return {}
    found = await _find(raw, wanted)
    new = wanted - found.keys()
    if new:
        await raw.execute(statements.ADD_DIMENSIONS, *_columns(new))
        found |= await _find(raw, new)
    return found


async def _find(raw: Raw, keys: Iterable[_Key]) -> dict[_Key, int]:
    rows = await raw.fetch(statements.FIND_DIMENSIONS, *_columns(keys))
    return {(row["tenant_id"], row["kind"], row["key"]): row["id"] for row in rows}


def _columns(keys: Iterable[_Key]) -> list[list[object]]:
    return [list(column) for column in zip(*keys, strict=True)]
