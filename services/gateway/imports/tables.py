"""Imports, the files they came with, their rows until each is dealt with, and what was wrong with rows."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import (
    ARRAY,
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    DateTime,
    Index,
    Integer,
    LargeBinary,
    Table,
    Text,
    Uuid,
    insert,
    select,
    text,
    update,
)
from sqlalchemy.dialects.postgresql import JSONB

from services.gateway.imports.rules import ImportKind, ImportState, Problem
from services.gateway.metadata import metadata
from shared.database.transactions import Tx

imports = Table(
    "imports",
    metadata,
    Column("tenant_id", Uuid, primary_key=True),
    Column("id", Uuid, primary_key=True),
    Column("seq", BigInteger, nullable=False),
    Column("kind", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("dry_run", Boolean, nullable=False),
    # Who asked: the principal, and the person behind it, on whose behalf new leads are created.
    Column("principal_id", Uuid, nullable=False),
    Column("user_id", Uuid),
    Column("file_name", Text, nullable=False),
    Column("mapping", Text),
    # Of kind, mapping and content: the same import asked for again, while it is under way, is the same
    # import.
    Column("digest", Text, nullable=False),
    # How it is imported; see Options.
    Column("options", JSONB, nullable=False, server_default=text("'{}'")),
    Column("encoding", Text),
    # The names of the file's columns, for the rows to correct; these are kept until then.
    Column("header", ARRAY(Text)),
    Column("kept_until", DateTime(timezone=True)),
    Column("rows_total", Integer),
    Column("rows_done", Integer, nullable=False),
    Column("rows_failed", Integer, nullable=False),
    # A unit is what is sent whole: a deal, a case, a lead. Units are numbered in the file's order, from 1.
    Column("units_total", Integer),
    Column("units_done", Integer, nullable=False),
    # counts: what became of units and activities; notes and unmapped: what was odd, summed up.
    Column("report", JSONB, nullable=False),
    Column("positions", ARRAY(Text), nullable=False),
    Column("failure_code", Text),
    Column("failure_detail", Text),
    Column("created_at", DateTime(timezone=True), nullable=False),
    Column("finished_at", DateTime(timezone=True)),
    CheckConstraint("kind in ('leads', 'org', 'history')", name="known_kind"),
    CheckConstraint("state in ('waiting', 'reading', 'running', 'done', 'failed')", name="known_state"),
)
Index(
    "ix_imports_unfinished",
    imports.c.created_at,
    postgresql_where=imports.c.state.in_(["waiting", "reading", "running"]),
)

import_files = Table(
    "import_files",
    metadata,
    Column("tenant_id", Uuid, primary_key=True),
    Column("import_id", Uuid, primary_key=True),
    Column("part", Integer, primary_key=True),
    Column("content", LargeBinary, nullable=False),
)

import_problems = Table(
    "import_problems",
    metadata,
    Column("tenant_id", Uuid, primary_key=True),
    Column("import_id", Uuid, primary_key=True),
    Column("line", Integer, primary_key=True),
    Column("code", Text, primary_key=True),
    Column("field", Text),
    Column("detail", Text, nullable=False),
)

UNFINISHED = ("waiting", "reading", "running")
PART_BYTES = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Import:
    """A row of `imports`."""

    tenant_id: UUID
    id: UUID
    seq: int
    kind: ImportKind
    state: ImportState
    dry_run: bool
    principal_id: UUID
    user_id: UUID | None
    file_name: str
    mapping: str | None
    digest: str
    created_at: datetime
    options: Any = None
    encoding: str | None = None
    header: Sequence[str] | None = None
    kept_until: datetime | None = None
    rows_total: int | None = None
    rows_done: int = 0
    rows_failed: int = 0
    units_total: int | None = None
    units_done: int = 0
    report: Any = None
    positions: Sequence[str] = ()
    failure_code: str | None = None
    failure_detail: str | None = None
    finished_at: datetime | None = None


_NAMES = tuple(Import.__slots__)
_SELECT = select(*(imports.c[name] for name in _NAMES))


def _import(row: Any) -> Import:
    return Import(*row)


async def insert_import(tx: Tx, new: Import, parts: AsyncIterator[bytes]) -> None:
    """Store an import with its file, part by part."""
    values = {name: getattr(new, name) for name in _NAMES}
    values |= {"report": new.report or {}, "positions": list(new.positions), "options": new.options or {}}
    await tx.conn.execute(insert(imports).values(values))
    number = 0
    async for part in parts:
        values = {"tenant_id": new.tenant_id, "import_id": new.id, "part": number, "content": part}
        await tx.conn.execute(insert(import_files).values(values))
        number += 1


async def lock_digest(tx: Tx, digest: str) -> None:
    """Rivals that ask for the same import wait for one another."""
    await tx.connection.execute(
        "select pg_advisory_xact_lock(hashtextextended($1, 7))", f"{tx.tenant_id}{digest}"
    )


async def unfinished_with(tx: Tx, digest: str) -> Import | None:
    where = (imports.c.tenant_id == tx.tenant_id, imports.c.digest == digest, imports.c.state.in_(UNFINISHED))
    row = (await tx.conn.execute(_SELECT.where(*where).limit(1))).one_or_none()
    return None if row is None else _import(row)


async def load_import(tx: Tx, import_id: UUID) -> Import | None:
    where = (imports.c.tenant_id == tx.tenant_id, imports.c.id == import_id)
    row = (await tx.conn.execute(_SELECT.where(*where))).one_or_none()
    return None if row is None else _import(row)


async def next_unfinished(tx: Tx, limit: int) -> list[tuple[UUID, UUID]]:
    """(tenant, import) of the oldest that are not finished, of all tenants."""
    query = select(imports.c.tenant_id, imports.c.id).where(imports.c.state.in_(UNFINISHED))
    rows = await tx.conn.execute(query.order_by(imports.c.created_at).limit(limit))
    return [(row[0], row[1]) for row in rows]


async def read_part(tx: Tx, import_id: UUID, part: int) -> bytes | None:
    """One part of the file, None behind its end."""
    f = import_files.c
    where = (f.tenant_id == tx.tenant_id, f.import_id == import_id, f.part == part)
    found: bytes | None = await tx.conn.scalar(select(f.content).where(*where))
    return found


async def change_import(tx: Tx, known: Import, **values: Any) -> Import | None:
    """Change an import unless somebody else has meanwhile; None then. The import as it is afterwards."""
    i = imports.c
    same = (
        i.tenant_id == tx.tenant_id,
        i.id == known.id,
        i.state == known.state,
        i.units_done == known.units_done,
    )
    done = await tx.conn.execute(update(imports).where(*same).values(values).returning(i.seq))
    row = done.one_or_none()
    return None if row is None else replace(known, **values, seq=row[0])


_PROBLEMS = """insert into import_problems (tenant_id, import_id, line, code, field, detail)
    select distinct on (r.line, r.code) $1, $2, r.*
    from unnest($3::int[], $4::text[], $5::text[], $6::text[]) r(line, code, field, detail)
    on conflict do nothing"""
_CLEAR = "delete from {table} where tenant_id = $1 and import_id = $2"


async def insert_problems(tx: Tx, import_id: UUID, problems: Sequence[Problem]) -> None:
    """Keep what was wrong with rows; a row has each code at most once."""
    if problems:
        columns = [
            [getattr(problem, name) for problem in problems] for name in ("line", "code", "field", "detail")
        ]
        await tx.connection.execute(_PROBLEMS, tx.tenant_id, import_id, *columns)


async def clear_file(tx: Tx, import_id: UUID) -> None:
    """Forget the file: all of it is dealt with."""
    await tx.connection.execute(_CLEAR.format(table="import_files"), tx.tenant_id, import_id)


async def list_problems(tx: Tx, import_id: UUID, after: tuple[int, str] | None, limit: int) -> list[Problem]:
    """What was wrong, in the file's order."""
    p = import_problems.c
    query = select(p.line, p.field, p.code, p.detail).where(
        p.tenant_id == tx.tenant_id, p.import_id == import_id
    )
    if after is not None:
        query = query.where((p.line > after[0]) | ((p.line == after[0]) & (p.code > after[1])))
    rows = await tx.conn.execute(query.order_by(p.line, p.code).limit(limit))
    return [Problem(*row) for row in rows]
