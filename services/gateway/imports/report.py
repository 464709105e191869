"""What an import says about itself: counts of what became of things, and what was odd, summed up by kind."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from services.gateway.imports.rules import Note

MOST_WORDS = 200
OTHERS = "(others)"


@dataclass(slots=True)
class Report:
    """`counts`: things by what became of them (`deals_created`); `notes`: by code how often, and the first
    line;
    `unmapped`: rows by an activity that no rule maps.
    """

    counts: Counter[str] = field(default_factory=Counter)
    notes: dict[str, dict[str, Any]] = field(default_factory=dict)
    unmapped: Counter[str] = field(default_factory=Counter)

    @classmethod
    def of(cls, stored: Mapping[str, Any] | None) -> Report:
        known = stored or {}
        notes = {code: dict(note) for code, note in known.get("notes", {}).items()}
        return cls(Counter(known.get("counts", {})), notes, Counter(known.get("unmapped", {})))

    def stored(self) -> dict[str, Any]:
        return {"counts": dict(self.counts), "notes": self.notes, "unmapped": dict(self.unmapped)}

    def add_unmapped(self, rows: Counter[str]) -> None:
        """A log with endless words for what happened is summed up, not listed."""
        for activity, count in rows.items():
            known = activity in self.unmapped or len(self.unmapped) < MOST_WORDS
            self.unmapped[activity[:200] if known else OTHERS] += count

    def add_notes(self, notes: Iterable[Note]) -> None:
        """Notes of one code and detail are one entry that counts."""
        for note in notes:
            key = f"{note.code}: {note.detail}"
            entry = self.notes.setdefault(
                key, {"code": note.code, "detail": note.detail, "count": 0, "first_row": note.line}
            )
            entry["count"] += 1
            entry["first_row"] = min(entry["first_row"], note.line)
