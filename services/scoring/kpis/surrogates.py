"""Small integers for ids and codes of dimensions.

Looked up anew for each batch: a memory of them would outlive a table that was emptied, and saves little.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING
from uuid import UUID

from services.scoring.kpis import statements

if TYPE_CHECKING:
    from shared.database.transactions import Raw

Key = tuple[UUID, int, str]
"""Tenant, kind (see `views.KINDS`) and the id or code itself."""


async def surrogates_of(raw: Raw, wanted: Iterable[Key]) -> dict[Key, int]:
    """Surrogates of all these keys; those without one get one. Keys are locked in one order."""
    keys = list(set(wanted))
    if not keys:
        return {}
    found = await _find(raw, keys)
    new = [key for key in keys if key not in found]
    if new:
        await raw.execute(statements.ADD_DIMENSIONS, *_columns(new))
        found |= await _find(raw, new)
    return found


async def _find(raw: Raw, keys: list[Key]) -> dict[Key, int]:
    rows = await raw.fetch(statements.FIND_DIMENSIONS, *_columns(keys))
    return {(row["tenant_id"], row["kind"], row["key"]): row["id"] for row in rows}


def _columns(keys: list[Key]) -> tuple[list[UUID], list[int], list[str]]:
    return [key[0] for key in keys], [key[1] for key in keys], [key[2] for key in keys]
