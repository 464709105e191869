"""What a file of any format comes to: which row names the columns, and the rows below it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import chain, islice
from typing import Any

from shared.errors import FieldError, Invalid

MAX_COLUMNS = 1_000
HEADER_WITHIN = 20
"""Rows at the top among which the one is looked for that names the columns: titles may stand above it."""

Fits = Callable[[Sequence[str]], int]
"""How many columns a row names that somebody looks for."""


class UnreadableFile(Invalid):
    code = "unreadable_file"
    title = "The file cannot be read"


class WrongHeader(Invalid):
    code = "wrong_header"
    title = "The file's header is not the one that the mapping names"


@dataclass(frozen=True, slots=True)
class Row:
    """One record. `line` is where it starts in the file (the first line is 1); `fault` is (code, detail) or
    None.
    """

    line: int
    cells: tuple[str, ...]
    fault: tuple[str, str] | None = None


@dataclass(frozen=True, slots=True)
class Record:
    """A record before it is known how many cells it should have; `lines` is how many lines it takes."""

    line: int
    cells: Sequence[str]
    fault: tuple[str, str] | None = None
    lines: int = 1


@dataclass(frozen=True, slots=True)
class Table:
    """An opened file: what was found, and its rows, to be read once. A spreadsheet's `encoding` is `xlsx`."""

    encoding: str
    header: tuple[str, ...]
    header_line: int
    rows: Iterator[Row]
    above: int = 0
    """How many rows above the header were left out: titles and the like."""
    top: tuple[tuple[str, ...], ...] = ()
    """The cells of the first rows, the header among them."""
    source: Any = None

    def close(self) -> None:
        """End what reads the file; rows cannot be taken any more."""
        if self.source is not None:
            with suppress(Exception):
                self.source.close()


@dataclass(frozen=True, slots=True)
class Headed:
    """The record that names the columns, those below it, how many stand above it; the first ones' cells."""

    header: Record
    below: Iterator[Record]
    above: int
    top: tuple[tuple[str, ...], ...]


def headed(records: Iterator[Record], fits: Fits) -> Headed:
    """Which record names the columns.

    It is the one among the first that names most of what is looked for; where none does, the first one.
    What it leaves empty takes the name that stands right above: headers of two rows have merged cells.
    """
    first = list(islice(records, HEADER_WITHIN))
    if not first:
        raise UnreadableFile("the file is empty: its first line must name the columns")
    best, best_fit = 0, -1
    named: list[Record] = []
    for at, record in enumerate(first):
        above = first[at - 1] if at and first[at - 1].line + first[at - 1].lines == record.line else None
        named.append(_filled(record, above))
        fit = 0 if record.fault else fits(named[at].cells)
        if fit > best_fit:
            best, best_fit = at, fit
    header = named[best]
    if header.fault is not None:
        raise UnreadableFile(f"its first line, which names the columns, cannot be read: {header.fault[1]}")
    top = tuple(tuple(map(str.strip, record.cells)) for record in named)
    return Headed(header, chain(first[best + 1 :], records), best, top)


def _filled(record: Record, above: Record | None) -> Record:
    if above is None or record.fault or above.fault:
        return record
    upper = [*above.cells, *[""] * len(record.cells)]
    cells = [cell if cell.strip() else upper[at] for at, cell in enumerate(record.cells)]
    return Record(record.line, cells, None, record.lines)


def header_of(record: Record) -> tuple[str, ...]:
    """The names of the columns; empty ones behind the last one with a name are no columns.

    :raises UnreadableFile: there are more of them than any list has.
    """
    names = [cell.replace("\ufeff", "").strip() for cell in record.cells]
    while names and not names[-1]:
        names.pop()
    if not names:
        raise UnreadableFile("the file is empty: its first line must name the columns")
    if len(names) > MAX_COLUMNS:
        raise UnreadableFile(f"the file has {len(names):,} columns; at most {MAX_COLUMNS:,} are read")
    return tuple(names)


def missing_columns(missing: Sequence[FieldError], header: Sequence[str]) -> WrongHeader:
    """The refusal that names what is missing and what was found."""
    said = ", ".join(sorted({error.detail for error in missing}))
    # A file may have very many columns; its own names are to fit into an answer.
    there = ", ".join(header)[:2000]
    return WrongHeader(f"{said}; the file has: {there}", errors=missing)
