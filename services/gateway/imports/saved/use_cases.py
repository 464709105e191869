"""Saving mappings; each is checked as if an import used it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any
from uuid import UUID

from services.gateway.imports.mapping_file import load_mapping
from services.gateway.imports.rules import ImportKind
from services.gateway.imports.saved import tables
from services.gateway.imports.saved.tables import SavedMapping, mapping_by_header, mapping_by_name
from shared.database.transactions import Tx
from shared.errors import Conflict, FieldError, NotFound
from shared.ids import new_id

# The door to what this package keeps.
__all__ = [
    "SavedMapping", "change_mapping", "list_mappings", "mapping_by_header", "mapping_by_name",
    "mapping_of_id", "remember", "remove_mapping", "save_mapping",
]  # fmt: skip


class MappingNameTaken(Conflict):
    code = "mapping_name_taken"
    title = "Another mapping has this name"


async def list_mappings(tx: Tx, after: UUID | None, limit: int) -> list[SavedMapping]:
    """In id order, that is oldest first."""
    return await tables.page_mappings(tx, after, limit)


async def mapping_of_id(tx: Tx, mapping_id: UUID) -> SavedMapping:
    """Raises NotFound."""
    found = await tables.mapping_by_id(tx, mapping_id)
    if found is None:
        raise NotFound("There is no such mapping")
    return found


async def save_mapping(
    tx: Tx, name: str, kind: ImportKind, content: str, user_id: UUID | None, at: datetime
) -> SavedMapping:
    """Raises BadMapping, MappingNameTaken."""
    load_mapping(content, kind)
    new = SavedMapping(new_id(), 1, name, kind, content, user_id, at, at)
    if not await tables.insert_mapping(tx, new):
        raise _taken(name)
    return new


async def change_mapping(
    tx: Tx,
    mapping_id: UUID,
    changes: Mapping[str, Any],
    user_id: UUID | None,
    at: datetime,
    *,
    check_version: Callable[[int], None],
) -> SavedMapping:
    """Change `name` or `content`; imports under way go on with what they began with.

    Raises NotFound, BadMapping, MappingNameTaken, and what `check_version` raises.
    """
    known = await tables.mapping_by_id(tx, mapping_id, lock=True)
    if known is None:
        raise NotFound("There is no such mapping")
    check_version(known.version)
    changed = replace(known, **changes)
    if changed == known:
        return known
    load_mapping(changed.content, changed.kind)
    same = await tables.mapping_by_name(tx, changed.name)
    if same is not None and same.id != known.id:
        raise _taken(changed.name)
    changed = replace(changed, version=known.version + 1, changed_by=user_id, updated_at=at)
    await tables.store_mapping(tx, changed)
    return changed


def _taken(name: str) -> MappingNameTaken:
    detail = f"{name!r} is in use"
    return MappingNameTaken(detail, errors=[FieldError("/name", MappingNameTaken.code, detail)])


async def remove_mapping(tx: Tx, mapping_id: UUID, *, check_version: Callable[[int], None]) -> None:
    """Raises NotFound, and what `check_version` raises."""
    known = await tables.mapping_by_id(tx, mapping_id, lock=True)
    if known is None:
        raise NotFound("There is no such mapping")
    check_version(known.version)
    await tables.delete_mapping(tx, mapping_id)


async def remember(tx: Tx, kind: str, name: str, fingerprint: str) -> None:
    """Files with this header are read by the mapping of this name from now on, if it is still there."""
    known = await tables.mapping_by_name(tx, name)
    if known is not None and known.kind == kind:
        await tables.remember_header(tx, kind, fingerprint, known.id)
