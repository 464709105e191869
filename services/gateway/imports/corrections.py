"""A file of the rows to correct: as it was sent, with two columns of ours, by which it is known again."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from services.gateway.imports.headings.synonyms import ADDED

_ROW = re.compile(rf"{ADDED} row of ([0-9a-f]{{8}}(?:-[0-9a-f]{{4}}){{3}}-[0-9a-f]{{12}})")
_REASON = f"{ADDED} reason"
_RUNS = ("=", "+", "-", "@", "\t", "\r", "＝", "＋", "－", "＠")
"""How a cell begins that a spreadsheet would work out, half or full width."""


@dataclass(frozen=True, slots=True)
class Added:
    """Whose rows a file corrects, and where each says which row it was (None: it is no file of ours)."""

    import_id: UUID | None
    place: int | None
    own: frozenset[int]

    def line_of(self, line: int, cells: Sequence[str]) -> int:
        """The line that a row had in the file it was first sent in."""
        said = cells[self.place].strip() if self.place is not None and self.place < len(cells) else ""
        return int(said) if said.isascii() and said.isdigit() and len(said) < 10 else line


def added_columns(header: Sequence[str]) -> Added:
    """The columns of ours in a header."""
    rows = [(at, found) for at, name in enumerate(header) if (found := _ROW.fullmatch(name.strip().lower()))]
    own = frozenset(at for at, _ in rows) | {at for at, name in enumerate(header) if name.strip() == _REASON}
    if not rows:
        return Added(None, None, own)
    place, found = rows[0]
    return Added(UUID(found[1]), place, own)


def header_to_correct(import_id: UUID, header: Sequence[str]) -> list[str]:
    """The names of the columns of a file of rows to correct; a file of ours is not added to again."""
    known = added_columns(header).own
    kept = [name for at, name in enumerate(header) if at not in known]
    return [f"{ADDED} row of {import_id}", _REASON, *kept]


def row_to_correct(header: Sequence[str], line: int, cells: Sequence[str], reason: str) -> list[str]:
    """One row of it; every cell is text that no spreadsheet works out."""
    known = added_columns(header).own
    kept = [cell for at, cell in enumerate(cells) if at not in known]
    return [str(line), reason, *kept]


def defused(cell: str) -> str:
    """As a spreadsheet shows it and does not run it: what could be a formula begins with an apostrophe."""
    return f"'{cell}" if cell.lstrip().startswith(_RUNS) or cell.startswith("'") else cell


def as_meant(cell: str) -> str:
    """What `defused` was given."""
    return cell[1:] if cell.startswith("'") and defused(cell[1:]) == cell else cell
