"""Cells of files that spreadsheets open: text is shown, and never run."""

from __future__ import annotations

# What makes a spreadsheet take a cell for a formula, in both widths; some pass over white space before it.
_BEGINS_FORMULA = frozenset("=+-@＝＋－＠")
_BREAKS_CELL = frozenset("\t\r\n")


def is_dangerous(text: str) -> bool:
    """Whether a spreadsheet could take the text for a formula, or begin another cell with it."""
    return text[:1] in _BREAKS_CELL or text.lstrip()[:1] in _BEGINS_FORMULA


def defused(text: str) -> str:
    """What could be taken for a formula begins with an apostrophe; so a phone with its `+` stays text."""
    return f"'{text}" if text and is_dangerous(text) else text
