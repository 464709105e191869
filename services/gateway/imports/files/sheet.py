"""The rows of a sheet as text, as somebody who looks at it would type them. Runs in the job's own process.

Formulas are never worked out: what counts is the result that the file keeps. Merged cells hold what is
written over all of them; percentages, dates and leading zeros are as shown; whole numbers have no `.0`.
"""

from __future__ import annotations

import re
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime, time, timedelta
from typing import Any

from openpyxl.reader.excel import ExcelReader
from openpyxl.styles.numbers import BUILTIN_FORMATS
from openpyxl.styles.stylesheet import apply_stylesheet
from openpyxl.utils.cell import range_boundaries
from openpyxl.worksheet._reader import WorkSheetParser

from services.gateway.imports.files.table import MAX_COLUMNS, UnreadableFile

MAX_ROWS = 1_048_576
_FORMULA = "{http://schemas.openxmlformats.org/spreadsheetml/2006/main}f"
_ZEROS = re.compile(r"0{2,}")
_QUOTED = re.compile(r'"[^"]*"|\\.|\[[^\]]*\]')

Line = tuple[int, list[str], tuple[str, str] | None]


def rows_of(
    archive: zipfile.ZipFile, merged: Mapping[str, Sequence[str]], sheet: str | None
) -> Iterator[Line]:
    """(line, cells, fault) of the sheet of this name, else of the first that is not hidden.

    :raises UnreadableFile: there is no such sheet, or it has more rows or columns than any sheet has.
    """
    reader = ExcelReader(archive.fp, read_only=True, data_only=True, keep_links=False)  # type: ignore[arg-type]
    reader.read_manifest()
    reader.read_strings()
    reader.read_workbook()
    apply_stylesheet(reader.archive, reader.wb)
    path = _path(reader, sheet)
    filled = _Merged(merged.get(path, ()))
    with reader.archive.open(path) as source:
        parser = _Parser(source, reader)
        for line, cells in parser.parse():
            if line > MAX_ROWS:
                raise UnreadableFile(f"the sheet has a row {line:,}; no sheet has more than {MAX_ROWS:,}")
            texts, fault = _texts(cells, parser)
            yield line, filled.fill(line, texts), fault


def _path(reader: ExcelReader, wanted: str | None) -> str:
    """Where the sheet stands in the archive."""
    sheets = [(sheet, rel) for sheet, rel in reader.parser.find_sheets() if "worksheet" in rel.Type]
    if wanted is not None:
        found = [rel.target for sheet, rel in sheets if sheet.name == wanted]
        if not found:
            there = ", ".join(repr(sheet.name) for sheet, _ in sheets)[:500]
            raise UnreadableFile(f"there is no sheet {wanted!r}; the spreadsheet has {there}")
        return str(found[0])
    shown = [rel.target for sheet, rel in sheets if sheet.state == "visible"]
    if not shown:
        raise UnreadableFile("the spreadsheet has no sheet that is shown")
    return str(shown[0])


class _Parser(WorkSheetParser):
    """The library's, which tells a formula without a result from an empty cell."""

    def __init__(self, source: Any, reader: ExcelReader) -> None:
        book: Any = reader.wb
        super().__init__(
            source,
            reader.shared_strings,
            data_only=True,
            epoch=book.epoch,
            date_formats=book._date_formats,
            timedelta_formats=book._timedelta_formats,
        )
        self._formats = [_format(book, style.numFmtId) for style in book._cell_styles]

    def parse_cell(self, element: Any) -> dict[str, Any]:
        cell: dict[str, Any] = super().parse_cell(element)
        if cell["value"] is None and element.find(_FORMULA) is not None:
            cell["data_type"] = "f"
        return cell

    def format_of(self, style: int) -> str:
        """How the cells of a style are shown."""
        return self._formats[style] if style < len(self._formats) else "General"


def _format(book: Any, number: int) -> str:
    if number < 164:
        return str(BUILTIN_FORMATS.get(number, "General"))
    known = book._number_formats
    return str(known[number - 164]) if number - 164 < len(known) else "General"


def _texts(cells: Sequence[Mapping[str, Any]], parser: _Parser) -> tuple[list[str], tuple[str, str] | None]:
    fault = None
    texts: list[str] = []
    for cell in cells:
        value, column = cell["value"], cell["column"]
        if cell["data_type"] == "f":
            said = "a formula whose result the file does not keep: open it in Excel and save it"
            fault = ("formula_without_result", f"column {column}: {said}")
        if value is None or value == "":
            continue
        if column > MAX_COLUMNS:
            raise UnreadableFile(f"the sheet has something in column {column:,}; {MAX_COLUMNS:,} are read")
        texts += [""] * (column - len(texts))
        texts[column - 1] = _text(value, parser.format_of(cell["style_id"]))
    return texts, fault


def _text(value: Any, shown: str) -> str:
    match value:
        case str():
            return value
        case bool():
            return "TRUE" if value else "FALSE"
        case int() | float():
            return _number(value, shown)
        case datetime():
            day = value.time() == time(0)
            return value.date().isoformat() if day else value.isoformat(" ", "seconds")
        case date() | time():
            return value.isoformat()
        case timedelta():
            return str(value)
    return str(value)


def _number(value: int | float, shown: str) -> str:
    """Fifteen digits are what Excel keeps; the rest is what binary fractions leave over."""
    if "%" in _QUOTED.sub("", shown):
        return f"{value * 100:.15g}%"
    plain = f"{value:.15g}" if isinstance(value, float) else str(value)
    if "e" in plain and float(value).is_integer() and abs(value) < 1e22:
        plain = str(int(value))
    return plain.zfill(len(shown)) if _ZEROS.fullmatch(shown) and plain.isdigit() else plain


class _Merged:
    """Cells under one that is written over several of them."""

    def __init__(self, refs: Sequence[str]) -> None:
        self._starting: dict[int, list[tuple[int, int, int]]] = {}
        self._open: list[tuple[int, int, int, str]] = []
        for ref in refs:
            left, top, right, bottom = (bound or 0 for bound in range_boundaries(ref))
            if 0 < right <= MAX_COLUMNS and bottom:
                self._starting.setdefault(top, []).append((left, right, bottom))

    def fill(self, line: int, texts: list[str]) -> list[str]:
        """The row with what is written over its cells; rows come in order."""
        for left, right, bottom in self._starting.pop(line, ()):
            text = texts[left - 1] if left <= len(texts) else ""
            # A title over several columns is one title.
            if text and bottom > line:
                self._open.append((left, right, bottom, text))
        if not self._open:
            return texts
        self._open = [each for each in self._open if each[2] >= line]
        # A row of nothing but what is written above it is an empty row.
        if any(texts):
            for left, _, _, text in self._open:
                texts += [""] * (left - len(texts))
                texts[left - 1] = texts[left - 1] or text
        return texts
