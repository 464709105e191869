"""The first half of an import: the file becomes rows in the database, numbered by the unit they belong to."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import islice
from typing import IO, BinaryIO
from uuid import UUID

from services.gateway.imports import tables
from services.gateway.imports.csv_reader import Row, Table, open_table, resolve_columns
from services.gateway.imports.mapping import AnyMapping, DealsMapping, EventLogMapping
from services.gateway.imports.mapping_file import default_mapping, load_mapping
from services.gateway.imports.report import Report
from services.gateway.imports.rules import Fields, Note, Problem, pick
from services.gateway.imports.tables import Import
from shared.contracts.gateway import ImportStarted
from shared.database.transactions import Access, Database
from shared.events.journal import NewEvent, record_events

ROWS_AT_ONCE = 5_000


def mapping_of(kind: str, text: str | None) -> AnyMapping:
    """The mapping of an import. Raises BadMapping."""
    return default_mapping(kind) if text is None else load_mapping(text, kind)


def check_file(file: BinaryIO, mapping: AnyMapping) -> Table:
    """The file as a table whose header has what the mapping names. Raises UnreadableFile, WrongHeader."""
    table = open_table(file, encoding=mapping.file.encoding, delimiter=mapping.file.delimiter)
    resolve_columns(table.header, mapping.columns_of())
    return table


@dataclass(slots=True)
class Sorted:
    """Rows of the file as they are kept, and what was wrong with others."""

    rows: list[tuple[int, int, Fields]] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    notes: list[Note] = field(default_factory=list)
    read: int = 0


class Sorter:
    """Gives rows their units: the rows of a case are one, every other row is its own."""

    def __init__(self, mapping: AnyMapping, header: tuple[str, ...]) -> None:
        self._mapping = mapping
        self._places = resolve_columns(header, mapping.columns_of())
        self._units: dict[str, int] = {}
        self.units = 0

    def sort(self, rows: Iterator[Row]) -> Sorted:
        """The next rows, at most ROWS_AT_ONCE; `read` is 0 behind the file's end."""
        found = Sorted()
        for row in islice(rows, ROWS_AT_ONCE):
            found.read += 1
            if row.fault is not None:
                found.problems.append(Problem(row.line, None, *row.fault))
                continue
            fields, respelt = pick(row.cells, self._places, self._mapping)
            problem = self._place(found, row.line, fields)
            if problem is not None:
                found.problems.append(problem)
                continue
            found.notes += [Note(row.line, "respelt", sentence) for sentence in respelt]
        return found

    def _place(self, found: Sorted, line: int, fields: Fields) -> Problem | None:
        unit = self.units + 1
        key_field = _KEY_FIELDS.get(type(self._mapping))
        if key_field is not None:
            key = fields.get(key_field)
            if key is None:
                return Problem(line, key_field, "missing_value", f"{key_field} is empty")
            unit = self._units.setdefault(key, unit)
            if unit <= self.units and key_field == "id":
                return Problem(line, key_field, "duplicate_id", f"{key[:60]!r} is the id of an earlier row")
        self.units = max(self.units, unit)
        found.rows.append((unit, line, fields))
        return None


_KEY_FIELDS: dict[type[object], str] = {DealsMapping: "id", EventLogMapping: "case"}


async def read_file(database: Database, known: Import) -> Import | None:
    """Read the whole file, from the start; None where somebody else does it too.

    Raises BadMapping, UnreadableFile, WrongHeader.
    """
    access = Access(known.tenant_id)
    async with database.transaction(access) as tx:
        await tables.clear_rows(tx, known.id)
        begun = await tables.change_import(tx, known, state="reading")
    if begun is None:
        return None
    mapping = mapping_of(known.kind, known.mapping)
    with tempfile.TemporaryFile() as file:
        await _fetch(database, access, known.id, file)
        table = await asyncio.to_thread(check_file, file, mapping)
        sorter, report, read, failed = Sorter(mapping, table.header), Report(), 0, 0
        while (batch := await asyncio.to_thread(sorter.sort, table.rows)).read:
            async with database.transaction(access) as tx:
                await tables.insert_rows(tx, known.id, batch.rows)
                await tables.insert_problems(tx, known.id, batch.problems)
            report.add_notes(batch.notes)
            read += batch.read
            failed += len(batch.problems)
    async with database.transaction(access) as tx:
        values = {
            "state": "running", "encoding": table.encoding, "rows_total": read, "rows_done": failed,
            "rows_failed": failed, "units_total": sorter.units, "report": report.stored(),
        }  # fmt: skip
        ready = await tables.change_import(tx, begun, **values)
        if ready is not None:
            event = ImportStarted(kind=known.kind, rows_total=read)
            await record_events(tx, tables.imports, [NewEvent(known.id, event, known.created_at)])
    return ready


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
