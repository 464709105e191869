"""Live leads: rows that repeat one another are told, the others go to the leads service, a batch at once."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from services.gateway.imports.lead_rows import LeadRow, Reading, lead_of
from services.gateway.imports.loading import Done, Loader
from services.gateway.imports.mapping import LeadsMapping
from services.gateway.imports.rows.tables import Cells, Units
from services.gateway.imports.rules import Note, Problem, RowError
from services.gateway.imports.sending import SentRow, send_rows


async def load_leads(loader: Loader, units: Units, mapping: LeadsMapping) -> Done:
    """What the rows of a batch came to."""
    cells = {line: row for rows in units.values() for line, row in rows}
    done, rows = await asyncio.to_thread(_folded, loader, cells, mapping)
    rows = await _known_owners(loader, await _distinct(loader, rows, done), done)
    if rows:
        sent = await send_rows(loader, mapping, rows)
        await _noted(loader, sent.rows, done)
        _counted(loader, sent.rows)
        done.problems += sent.problems
        done.positions += sent.positions
    for problem in done.problems:
        done.bad[problem.line] = cells[problem.line]
    return done


def _folded(loader: Loader, cells: dict[int, Cells], mapping: LeadsMapping) -> tuple[Done, list[LeadRow]]:
    done, rows = Done(), list[LeadRow]()
    columns = loader.columns
    reading = Reading(
        mapping, columns.currency or loader.currency, columns.factor, loader.options.mode, (*columns.custom,)
    )
    for line, row in cells.items():
        fields = loader.fields_of(line, row, done)
        if fields is None:
            continue
        try:
            found = lead_of(line, fields, reading)
        except RowError as error:
            done.problems.append(error.at(line))
            continue
        if found.said:
            done.notes.append(Note(line, "amount_read", found.said))
        rows.append(found)
    return done, rows


async def _distinct(loader: Loader, rows: Sequence[LeadRow], done: Done) -> list[LeadRow]:
    """Without rows whose id, or all that they say, an earlier row has."""
    repeats = await loader.repeated([(f"row:{row.external_id}", row.line) for row in rows])
    first = {line: earlier for _, line, earlier in repeats}
    for row in rows:
        if row.line in first:
            what = "is word for word" if row.external_id == row.digest else "has the id of"
            done.problems.append(
                Problem(row.line, "external_id", "repeated_row", f"the row {what} row {first[row.line]}")
            )
    return [row for row in rows if row.line not in first]


async def _known_owners(loader: Loader, rows: Sequence[LeadRow], done: Done) -> list[LeadRow]:
    """Without rows whose owner is nobody of the org."""
    await loader.find({row.owner for row in rows if row.owner is not None})
    known: list[LeadRow] = []
    for row in rows:
        why = None if row.owner is None else loader.whose(row.owner)
        if why is None:
            known.append(row)
        else:
            done.problems.append(Problem(row.line, "owner", *why))
    return known


async def _noted(loader: Loader, rows: Sequence[SentRow], done: Done) -> None:
    """Which rows are about somebody whom an earlier row, or a stored lead, is about."""
    repeats = await loader.repeated([(key, row.line) for row in rows for key in row.keys])
    earlier: dict[int, tuple[str, int]] = {}
    for key, line, first in sorted(repeats, reverse=True):
        earlier[line] = (key.partition(":")[0], first)
    for row in rows:
        if row.line in earlier:
            kind, first = earlier[row.line]
            done.notes.append(Note(row.line, "same_customer", f"same {kind} as row {first}"))
            if loader.known.dry_run and loader.options.key == kind and row.status == "created":
                # The row before it would have made the lead that this one then changes.
                row.status = "updated"
        elif row.duplicate_of is not None and row.status == "created":
            done.notes.append(Note(row.line, "duplicate", "repeats a lead that was stored before"))


def _counted(loader: Loader, rows: Sequence[SentRow]) -> None:
    for row in rows:
        loader.report.counts[f"leads_{row.status}"] += 1
