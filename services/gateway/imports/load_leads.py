"""Live leads: rows that repeat one another are told, the others go to the leads service, a batch at once."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field

from services.gateway.imports.lead_rows import LeadRow, Reading, lead_of
from services.gateway.imports.loading import Done, Loader, Part
from services.gateway.imports.mapping import LeadsMapping
from services.gateway.imports.rows.tables import Cells
from services.gateway.imports.rules import Note, Problem, RowError
from services.gateway.imports.sending import Sent, SentRow, Turn, send_rows

PARTS_AT_ONCE = 4
"""Two are stored, one lies there, one is made ready: each holds its rows in the memory of both."""


@dataclass(slots=True)
class _Prepared:
    """A part whose rows are ready to be sent, but for those in `done` that cannot be."""

    part: Part
    done: Done
    rows: list[LeadRow]
    sent: Sent = field(default_factory=Sent)


async def load_all_leads(loader: Loader, mapping: LeadsMapping) -> bool:
    """Part after part, in order: while the leads service stores two, the next lies there, read and waiting,
    the one before is committed and the one behind made ready. False where another process loads them too.
    """
    under_way: deque[tuple[_Prepared, asyncio.Task[None]]] = deque()
    after = loader.known.units_done
    try:
        while True:
            while len(under_way) < PARTS_AT_ONCE and (ready := await _prepared(loader, mapping, after)):
                turn = Turn(under_way[-1][1] if under_way else None, after, ready.part.last)
                under_way.append((ready, asyncio.create_task(_sent(loader, mapping, ready, turn))))
                after = ready.part.last
            if not under_way:
                return True
            await under_way[0][1]
            if not await _settled(loader, under_way.popleft()[0]):
                return False
    finally:
        for _, sending in under_way:
            sending.cancel()
        await asyncio.gather(*(sending for _, sending in under_way), return_exceptions=True)


async def _prepared(loader: Loader, mapping: LeadsMapping, after: int) -> _Prepared | None:
    if after >= (loader.known.units_total or 0):
        return None
    part = await loader.next_part(after)
    cells = {line: row for rows in part.units.values() for line, row in rows}
    done, rows = await asyncio.to_thread(_folded, loader, cells, mapping)
    rows = await _known_owners(loader, await _distinct(loader, rows, done), done)
    return _Prepared(part, done, rows)


async def _sent(loader: Loader, mapping: LeadsMapping, ready: _Prepared, turn: Turn) -> None:
    if ready.rows:
        ready.sent = await send_rows(loader, mapping, ready.rows, turn)
    elif turn.over is not None:
        await asyncio.shield(turn.over)


async def _settled(loader: Loader, ready: _Prepared) -> bool:
    """What became of the rows is kept; False where another process loads them too."""
    done, sent = ready.done, ready.sent
    await _noted(loader, sent, done)
    done.counts.update(f"leads_{row.status}" for row in sent.rows)
    done.problems += sent.problems
    done.positions += sent.positions
    cells = {line: row for rows in ready.part.units.values() for line, row in rows}
    done.bad |= {problem.line: cells[problem.line] for problem in done.problems}
    return await loader.commit(done, ready.part)


def _folded(loader: Loader, cells: dict[int, Cells], mapping: LeadsMapping) -> tuple[Done, list[LeadRow]]:
    done, rows = Done(), list[LeadRow]()
    columns = loader.columns
    reading = Reading(
        mapping,
        columns.currency or loader.currency,
        loader.zone,
        loader.clock.now(),
        columns.factor,
        loader.options.mode,
        (*columns.custom,),
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
    repeats = await loader.repeated([(f"row:{row.external_id}", row.line) for row in rows], done)
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


async def _noted(loader: Loader, sent: Sent, done: Done) -> None:
    """Which rows are about somebody whom an earlier row, or a stored lead, is about."""
    repeats = await loader.repeated([(key, row.line) for row in sent.rows for key in row.keys], done)
    earlier: dict[int, tuple[str, int]] = {}
    for key, line, first in sorted(repeats, reverse=True):
        kind = key.partition(":")[0]
        if kind in sent.blocking or line not in earlier or earlier[line][0] not in sent.blocking:
            earlier[line] = (kind, first)
    for row in sent.rows:
        if row.line in earlier and earlier[row.line][0] in sent.blocking and row.status == "created":
            done.problems.append(_kept_out(row, *earlier[row.line]))
        elif row.line in earlier:
            kind, first = earlier[row.line]
            done.notes.append(Note(row.line, "same_customer", f"same {kind} as row {first}"))
            if loader.known.dry_run and loader.options.key == kind and row.status == "created":
                # The row before it would have made the lead that this one then changes.
                row.status = "updated"
        elif row.duplicate_of is not None and row.status == "created":
            done.notes.append(Note(row.line, "duplicate", "repeats a lead that was stored before"))


def _kept_out(row: SentRow, kind: str, first: int) -> Problem:
    """What the leads service would have said: the row before it was taken back with its dry run."""
    row.status = "failed"
    return Problem(row.line, kind, "duplicate_lead", f"row {first} has this {kind} already")
