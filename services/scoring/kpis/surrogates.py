"""Small integers for ids and codes of dimensions, remembered per process once they are committed."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING
from uuid import UUID

from services.scoring.kpis import statements
from services.scoring.kpis.views import KINDS

if TYPE_CHECKING:
    from shared.database.transactions import Raw

Key = tuple[UUID, int, str]
"""Tenant, kind (see `views.KINDS`) and the id or code itself."""

__all__ = ["KINDS", "Key", "Surrogates"]


class Surrogates:
    """The process's memory of `dimensions`. Not remembered: what this transaction adds, for it may roll
    back.
    """

    def __init__(self) -> None:
        self._known: dict[Key, int] = {}
        self._first: int | None = None

    def check(self, first: int | None) -> None:
        """`first` is the smallest id in the table: another one means that the table was emptied meanwhile."""
        if self._first is not None and first != self._first:
            self._known.clear()
        self._first = first

    async def resolve(self, raw: Raw, wanted: Iterable[Key]) -> dict[Key, int]:
        """Surrogates of all these keys; those without one get one. Keys are locked in one order."""
        keys = set(wanted)
        missing = [key for key in keys if key not in self._known]
        found = {key: self._known[key] for key in keys if key in self._known}
        if missing:
            committed = await _find(raw, missing)
            self._known |= committed
            found |= committed
            new = [key for key in missing if key not in committed]
            if new:
                await raw.execute(statements.ADD_DIMENSIONS, *_columns(new))
                found |= await _find(raw, new)
        return found


async def _find(raw: Raw, keys: list[Key]) -> dict[Key, int]:
    rows = await raw.fetch(statements.FIND_DIMENSIONS, *_columns(keys))
    return {(row["tenant_id"], row["kind"], row["key"]): row["id"] for row in rows}


def _columns(keys: list[Key]) -> tuple[list[UUID], list[int], list[str]]:
    return [key[0] for key in keys], [key[1] for key in keys], [key[2] for key in keys]
