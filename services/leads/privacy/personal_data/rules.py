"""Which tables say something about the person behind a lead. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

LEAD = "lead_id"
TOLD_ELSEWHERE = frozenset({"person_keys", "audit_entries", "lead_changes", "duplicate_keys"})
"""What stands in the trail with its values, the keys of these, and what says a second time that a lead has a
phone.
"""
_OURS = frozenset({"tenant_id"})


def tables_about(columns: Mapping[str, Sequence[str]]) -> dict[str, list[str]]:
    """Of all tables with their columns: those about a lead, by name, and what of them is told.

    They are recognised by naming a lead, so that a new room's are told as well.
    """
    return {
        table: told_columns(names)
        for table, names in sorted(columns.items())
        if LEAD in names and table not in TOLD_ELSEWHERE
    }


def told_columns(names: Iterable[str]) -> list[str]:
    return [name for name in names if name not in _OURS]
