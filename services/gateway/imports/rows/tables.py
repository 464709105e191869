"""Rows as cells: whole chunks where each row stands alone, single rows where several belong together."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any
from uuid import UUID

import orjson
from sqlalchemy import Column, Integer, LargeBinary, Table, Text, Uuid

from services.gateway.metadata import metadata
from shared.database.transactions import Tx

Cells = Sequence[str]
Units = dict[int, list[tuple[int, Cells]]]
"""By unit, its rows as (line, cells) in the file's order."""

import_chunks = Table(
    "import_chunks",
    metadata,
    Column("tenant_id", Uuid, primary_key=True),
    Column("import_id", Uuid, primary_key=True),
    # Units of one row each, from this one on: a JSON list of [line, cells].
    Column("first", Integer, primary_key=True),
    Column("content", LargeBinary, nullable=False),
)

import_rows = Table(
    "import_rows",
    metadata,
    Column("tenant_id", Uuid, primary_key=True),
    Column("import_id", Uuid, primary_key=True),
    Column("unit", Integer, primary_key=True),
    Column("line", Integer, primary_key=True),
    Column("cells", Text, nullable=False),
)

# What each part of an import marked, kept with its progress: a worker that goes on knows it again.
import_seen = Table(
    "import_seen",
    metadata,
    Column("tenant_id", Uuid, primary_key=True),
    Column("import_id", Uuid, primary_key=True),
    # The last unit of the part.
    Column("last", Integer, primary_key=True),
    Column("content", LargeBinary, nullable=False),
)

import_bad_rows = Table(
    "import_bad_rows",
    metadata,
    Column("tenant_id", Uuid, primary_key=True),
    Column("import_id", Uuid, primary_key=True),
    Column("line", Integer, primary_key=True),
    Column("cells", Text, nullable=False),
)

_CHUNK = "insert into import_chunks (tenant_id, import_id, first, content) values ($1, $2, $3, $4)"
_ROWS = """insert into import_rows (tenant_id, import_id, unit, line, cells)
    select $1, $2, r.* from unnest($3::int[], $4::int[], $5::text[]) r(unit, line, cells)"""
_NEXT_CHUNK = """select first, content from import_chunks
    where tenant_id = $1 and import_id = $2 and first > $3 order by first limit 1"""
_BATCH = """select unit, line, cells from import_rows
    where tenant_id = $1 and import_id = $2 and unit > $3 and unit <= $4 order by unit, line"""
_BAD = """insert into import_bad_rows (tenant_id, import_id, line, cells)
    select $1, $2, r.* from unnest($3::int[], $4::text[]) r(line, cells) on conflict do nothing"""
_BAD_PAGE = """
select b.line, b.cells,
  coalesce(string_agg(coalesce(p.field || ': ', '') || p.detail, '; ' order by p.code), '') as reason
from import_bad_rows b left join import_problems p
  on p.tenant_id = b.tenant_id and p.import_id = b.import_id and p.line = b.line
where b.tenant_id = $1 and b.import_id = $2 and b.line > $3
group by b.line, b.cells order by b.line limit $4
"""
_BAD_AMONG = """
select line from import_bad_rows where tenant_id = $1 and import_id = $2 and line = any($3::int[])
"""
_FORGET = """
with gone as (
    delete from import_bad_rows b using unnest($2::text[]) as v(said)
    where b.tenant_id = $1 and (position(v.said in b.cells) > 0
      or (v.said ~ '^[0-9]{7,}$' and position(v.said in regexp_replace(b.cells, '[^0-9]', '', 'g')) > 0))
    returning b.import_id, b.line)
delete from import_problems p using gone
where p.tenant_id = $1 and p.import_id = gone.import_id and p.line = gone.line
"""
_CLEAR = "delete from {table} where tenant_id = $1 and import_id = $2"


async def insert_chunk(tx: Tx, import_id: UUID, first: int, rows: Sequence[tuple[int, Cells]]) -> None:
    """Keep (line, cells) of the units from `first` on."""
    if rows:
        await tx.connection.execute(_CHUNK, tx.tenant_id, import_id, first, orjson.dumps(rows))


async def insert_rows(tx: Tx, import_id: UUID, rows: Sequence[tuple[int, int, Cells]]) -> None:
    """Keep (unit, line, cells)."""
    if rows:
        units, lines, cells = zip(*rows, strict=True)
        await tx.connection.execute(_ROWS, tx.tenant_id, import_id, units, lines, list(map(_json, cells)))


async def read_chunk(tx: Tx, import_id: UUID, after: int) -> tuple[Units, int]:
    """The units of the next chunk, and the last of them; `after` itself where there is none."""
    found = await tx.connection.fetchrow(_NEXT_CHUNK, tx.tenant_id, import_id, after)
    if found is None:
        return {}, after
    rows = orjson.loads(found["content"])
    units: Units = {found["first"] + at: [(line, cells)] for at, (line, cells) in enumerate(rows)}
    return units, found["first"] + len(rows) - 1


async def read_units(tx: Tx, import_id: UUID, after: int, count: int) -> tuple[Units, int]:
    """The next `count` units of any number of rows, and the last of them."""
    units: Units = {}
    for row in await tx.connection.fetch(_BATCH, tx.tenant_id, import_id, after, after + count):
        units.setdefault(row["unit"], []).append((row["line"], orjson.loads(row["cells"])))
    return units, after + count


async def insert_bad_rows(tx: Tx, import_id: UUID, rows: Mapping[int, Cells]) -> None:
    """Keep the rows that were not imported, as they are, to be corrected."""
    if rows:
        cells = [_json(each) for each in rows.values()]
        await tx.connection.execute(_BAD, tx.tenant_id, import_id, list(rows), cells)


async def bad_rows(tx: Tx, import_id: UUID, after: int, limit: int) -> list[tuple[int, list[str], str]]:
    """(line, cells, why) of rows that were not imported, in the file's order."""
    rows = await tx.connection.fetch(_BAD_PAGE, tx.tenant_id, import_id, after, limit)
    return [(row["line"], orjson.loads(row["cells"]), row["reason"]) for row in rows]


async def bad_among(tx: Tx, import_id: UUID, lines: Iterable[int]) -> set[int]:
    """Which of these lines were not imported."""
    rows = await tx.connection.fetch(_BAD_AMONG, tx.tenant_id, import_id, list(lines))
    return {row["line"] for row in rows}


async def clear_rows(tx: Tx, import_id: UUID) -> None:
    """Forget what stands between reading and loading."""
    for table in ("import_rows", "import_chunks", "import_seen"):
        await tx.connection.execute(_CLEAR.format(table=table), tx.tenant_id, import_id)


async def clear_bad_rows(tx: Tx, import_id: UUID) -> None:
    """Forget what was to be corrected, and what was wrong with it."""
    for table in ("import_bad_rows", "import_problems"):
        await tx.connection.execute(_CLEAR.format(table=table), tx.tenant_id, import_id)


async def forget_said(tx: Tx, tenant_id: UUID, said: Sequence[str]) -> None:
    """Forget every row to correct that says one of these, digits however they are grouped; and what was wrong
    with it.
    """
    if said:
        await tx.connection.execute(_FORGET, tenant_id, list(said))


def _json(cells: Any) -> str:
    return orjson.dumps(cells).decode()
