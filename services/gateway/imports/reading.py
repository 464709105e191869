"""The first half of an import: the file becomes rows in the database, numbered by the unit they belong to."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from itertools import islice
from typing import IO, BinaryIO
from uuid import UUID

from services.gateway.imports import tables
from services.gateway.imports.corrections import added_columns, as_meant
from services.gateway.imports.files.opening import open_table
from services.gateway.imports.files.table import Row, Table
from services.gateway.imports.headings.columns import columns_of, fits_of
from services.gateway.imports.mapping import AnyMapping, EventLogMapping
from services.gateway.imports.mapping_file import default_mapping, load_mapping
from services.gateway.imports.report import Report
from services.gateway.imports.rows import tables as kept
from services.gateway.imports.rows.tables import Cells
from services.gateway.imports.rules import Note, Problem
from services.gateway.imports.tables import Import
from shared.contracts.gateway import ImportStarted
from shared.database.transactions import Access, Database
from shared.events.journal import NewEvent, record_events

ROWS_AT_ONCE = 1_000
"""Of the file; also the most units that are sent at once."""


def mapping_of(kind: str, text: str | None) -> AnyMapping:
    """The mapping of an import. Raises BadMapping."""
    return default_mapping(kind) if text is None else load_mapping(text, kind)


def opened(file: BinaryIO, mapping: AnyMapping) -> Table:
    """The file as a table, to be closed. Raises UnreadableFile."""
    said = mapping.file
    return open_table(
        file, fits_of(mapping), encoding=said.encoding, delimiter=said.delimiter, sheet=said.sheet
    )


def own_names(header: Cells) -> tuple[str, ...]:
    """The names of the file's columns, without those of ours."""
    ours = added_columns(header).own
    return tuple("" if at in ours else name for at, name in enumerate(header))


@dataclass(slots=True)
class Sorted:
    """Rows of the file as they are kept, those that cannot be, and why."""

    rows: list[tuple[int, int, Cells]] = field(default_factory=list)
    bad: dict[int, Cells] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)
    read: int = 0

    def refuse(self, row: Row, problem: Problem) -> None:
        self.problems.append(problem)
        self.bad[row.line] = row.cells


class Sorter:
    """Gives rows their units: the rows of a case are one, every other row is its own."""

    def __init__(self, mapping: AnyMapping, header: Cells) -> None:
        self._cases: dict[str, int] = {}
        self._ours = added_columns(header).place is not None
        places = columns_of(mapping, own_names(header)).places
        self.together = isinstance(mapping, EventLogMapping)
        self._case = places["case"] if self.together else ()
        self.units = 0

    def sort(self, rows: Iterator[Row]) -> Sorted:
        """The next rows, at most ROWS_AT_ONCE; `read` is 0 behind the file's end."""
        found = Sorted()
        for row in islice(rows, ROWS_AT_ONCE):
            found.read += 1
            if row.fault is not None:
                found.refuse(row, Problem(row.line, None, *row.fault))
                continue
            cells = tuple(map(as_meant, row.cells)) if self._ours else row.cells
            unit = self._unit(cells)
            if unit is None:
                found.refuse(row, Problem(row.line, "case", "missing_value", "case is empty"))
                continue
            self.units = max(self.units, unit)
            found.rows.append((unit, row.line, cells))
        return found

    def _unit(self, cells: Cells) -> int | None:
        if not self.together:
            return self.units + 1
        key = next((cells[place] for place in self._case if cells[place]), None)
        return None if key is None else self._cases.setdefault(key, len(self._cases) + 1)


async def read_file(database: Database, known: Import) -> Import | None:
    """Read the whole file, from the start; None where somebody else does it too.

    Raises BadMapping, UnreadableFile, WrongHeader.
    """
    access = Access(known.tenant_id)
    async with database.transaction(access) as tx:
        await kept.clear_rows(tx, known.id)
        await kept.clear_bad_rows(tx, known.id)
        begun = await tables.change_import(tx, known, state="reading")
    if begun is None:
        return None
    mapping = mapping_of(known.kind, known.mapping)
    with tempfile.TemporaryFile() as file:
        await _fetch(database, access, known.id, file)
        table = await asyncio.to_thread(opened, file, mapping)
        with closing(table):
            done = await _store_rows(database, begun, mapping, table)
    report = Report()
    if table.above:
        report.add_notes(
            [Note(1, "above_header", f"{table.above} rows above the names of the columns left out")]
        )
    async with database.transaction(access) as tx:
        ready = await tables.change_import(
            tx, begun, state="running", encoding=table.encoding, header=list(table.header),
            rows_total=done.read, rows_done=done.failed, rows_failed=done.failed, units_total=done.units,
            report=report.stored(),
        )  # fmt: skip
        if ready is not None:
            event = ImportStarted(kind=known.kind, rows_total=done.read)
            await record_events(tx, tables.imports, [NewEvent(known.id, event, known.created_at)])
    return ready


@dataclass(frozen=True, slots=True)
class _Read:
    read: int
    failed: int
    units: int


async def _store_rows(database: Database, known: Import, mapping: AnyMapping, table: Table) -> _Read:
    sorter, read, failed = Sorter(mapping, table.header), 0, 0
    while (batch := await asyncio.to_thread(sorter.sort, table.rows)).read:
        async with database.transaction(Access(known.tenant_id)) as tx:
            if sorter.together:
                await kept.insert_rows(tx, known.id, batch.rows)
            elif batch.rows:
                pairs = [(line, cells) for _, line, cells in batch.rows]
                await kept.insert_chunk(tx, known.id, batch.rows[0][0], pairs)
            await kept.insert_bad_rows(tx, known.id, batch.bad)
            await tables.insert_problems(tx, known.id, batch.problems)
        read += batch.read
        failed += len(batch.bad)
    return _Read(read, failed, sorter.units)


async def _fetch(database: Database, access: Access, import_id: UUID, file: IO[bytes]) -> None:
    """A local copy to parse from; the database keeps the file until the import is finished."""
    part = 0
    while True:
        async with database.transaction(access) as tx:
            content = await tables.read_part(tx, import_id, part)
        if content is None:
            break
        file.write(content)
        part += 1
    file.seek(0)
