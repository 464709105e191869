"""What an import says about itself: counts of what became of things, and what was odd, summed up by kind."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from services.gateway.imports.rules import Note

MOST_WORDS = 200
MOST_NOTES = 200
OTHERS = "(others)"


@dataclass(slots=True)
class Report:
    """`counts`: things by what became of them (`deals_created`); `notes`: by code how often, and the first
    line; `unmapped`: rows by an activity that no rule maps; `columns`: [heading, field] of each column.
    """

    counts: Counter[str] = field(default_factory=Counter)
    notes: dict[str, dict[str, Any]] = field(default_factory=dict)
    unmapped: Counter[str] = field(default_factory=Counter)
    columns: list[list[str | None]] = field(default_factory=list)

    @classmethod
    def of(cls, stored: Mapping[str, Any] | None) -> Report:
        known = stored or {}
        notes = {code: dict(note) for code, note in known.get("notes", {}).items()}
        columns = [list(column) for column in known.get("columns", ())]
        return cls(Counter(known.get("counts", {})), notes, Counter(known.get("unmapped", {})), columns)

    def stored(self) -> dict[str, Any]:
        stored: dict[str, Any] = {"counts": dict(self.counts), "notes": self.notes}
        return stored | {"unmapped": dict(self.unmapped), "columns": self.columns}

    def add_unmapped(self, rows: Counter[str]) -> None:
        """A log with endless words for what happened is summed up, not listed."""
        for activity, count in rows.items():
            known = activity in self.unmapped or len(self.unmapped) < MOST_WORDS
            self.unmapped[activity[:200] if known else OTHERS] += count

    def add_notes(self, notes: Iterable[Note]) -> None:
        """Notes of one code and detail are one entry that counts; of endless details the later are one."""
        for note in notes:
            known = len(self.notes) < MOST_NOTES or f"{note.code}: {note.detail}" in self.notes
            detail = note.detail if known else OTHERS
            entry = self.notes.setdefault(
                f"{note.code}: {detail}",
                {"code": note.code, "detail": detail, "count": 0, "first_row": note.line},
            )
            entry["count"] += 1
            entry["first_row"] = min(entry["first_row"], note.line)
