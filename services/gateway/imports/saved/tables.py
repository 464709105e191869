"""Saved mappings, and the headers of files that they were used for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, Column, DateTime, Integer, Table, Text, UniqueConstraint, Uuid

from services.gateway.imports.rules import ImportKind
from services.gateway.metadata import metadata
from shared.database.transactions import Tx

import_mappings = Table(
    "import_mappings",
    metadata,
    Column("tenant_id", Uuid, primary_key=True),
    Column("id", Uuid, primary_key=True),
    Column("version", Integer, nullable=False),
    Column("name", Text, nullable=False),
    Column("kind", Text, nullable=False),
    # YAML, as it was written.
    Column("content", Text, nullable=False),
    Column("changed_by", Uuid),
    Column("created_at", DateTime(timezone=True), nullable=False),
    Column("updated_at", DateTime(timezone=True), nullable=False),
    UniqueConstraint("tenant_id", "name"),
    CheckConstraint("kind in ('leads', 'org', 'history')", name="known_kind"),
)

import_headers = Table(
    "import_headers",
    metadata,
    Column("tenant_id", Uuid, primary_key=True),
    Column("kind", Text, primary_key=True),
    # Of the names of a file's columns, folded and sorted.
    Column("fingerprint", Text, primary_key=True),
    Column("mapping_id", Uuid, nullable=False),
)


@dataclass(frozen=True, slots=True)
class SavedMapping:
    """A row of `import_mappings`."""

    id: UUID
    version: int
    name: str
    kind: ImportKind
    content: str
    changed_by: UUID | None
    created_at: datetime
    updated_at: datetime


_NAMES = ", ".join(SavedMapping.__slots__)
_FIND = f"select {_NAMES} from import_mappings where tenant_id = $1"  # noqa: S608 - own names
_INSERT = f"""
insert into import_mappings (tenant_id, {_NAMES}) values ($1, $2, $3, $4, $5, $6, $7, $8, $9)
on conflict (tenant_id, name) do nothing returning id
"""  # noqa: S608
_STORE = """
update import_mappings set version = $3, name = $4, content = $5, changed_by = $6, updated_at = $7
where tenant_id = $1 and id = $2
"""
_REMEMBER = """
insert into import_headers (tenant_id, kind, fingerprint, mapping_id) values ($1, $2, $3, $4)
on conflict (tenant_id, kind, fingerprint) do update set mapping_id = excluded.mapping_id
"""
_BY_HEADER = f"""
select {", ".join(f"m.{name}" for name in SavedMapping.__slots__)} from import_headers h
join import_mappings m on m.tenant_id = h.tenant_id and m.id = h.mapping_id
where h.tenant_id = $1 and h.kind = $2 and h.fingerprint = any($3::text[])
limit 1
"""  # noqa: S608


def _saved(row: Any) -> SavedMapping | None:
    return None if row is None else SavedMapping(**dict(row.items()))


async def mapping_by_id(tx: Tx, mapping_id: UUID, *, lock: bool = False) -> SavedMapping | None:
    query = f"{_FIND} and id = $2{' for update' if lock else ''}"
    return _saved(await tx.connection.fetchrow(query, tx.tenant_id, mapping_id))


async def mapping_by_name(tx: Tx, name: str) -> SavedMapping | None:
    return _saved(await tx.connection.fetchrow(f"{_FIND} and name = $2", tx.tenant_id, name))


async def mapping_by_header(tx: Tx, kind: str, fingerprints: Sequence[str]) -> SavedMapping | None:
    """The mapping that was last used for a file with one of these headers."""
    return _saved(await tx.connection.fetchrow(_BY_HEADER, tx.tenant_id, kind, list(fingerprints)))


async def page_mappings(tx: Tx, after: UUID | None, limit: int) -> list[SavedMapping]:
    """In id order."""
    query = f"{_FIND} and ($2::uuid is null or id > $2) order by id limit $3"
    rows = await tx.connection.fetch(query, tx.tenant_id, after, limit)
    return [SavedMapping(**dict(row.items())) for row in rows]


async def insert_mapping(tx: Tx, new: SavedMapping) -> bool:
    """False where the name is taken."""
    values = [getattr(new, name) for name in SavedMapping.__slots__]
    return await tx.connection.fetchval(_INSERT, tx.tenant_id, *values) is not None


async def store_mapping(tx: Tx, changed: SavedMapping) -> None:
    await tx.connection.execute(
        _STORE, tx.tenant_id, changed.id, changed.version, changed.name, changed.content, changed.changed_by,
        changed.updated_at,
    )  # fmt: skip


async def delete_mapping(tx: Tx, mapping_id: UUID) -> None:
    """With what is remembered of its headers."""
    for query in (
        "delete from import_headers where tenant_id = $1 and mapping_id = $2",
        "delete from import_mappings where tenant_id = $1 and id = $2",
    ):
        await tx.connection.execute(query, tx.tenant_id, mapping_id)


async def remember_header(tx: Tx, kind: str, fingerprint: str, mapping_id: UUID) -> None:
    """Files with this header are read by this mapping from now on."""
    await tx.connection.execute(_REMEMBER, tx.tenant_id, kind, fingerprint, mapping_id)
