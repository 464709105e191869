"""Files written piece by piece: each piece is handed on as soon as it is there, nothing is kept."""

from __future__ import annotations

import csv
import io
import re
import zipfile
from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import Protocol
from xml.sax.saxutils import escape

from services.leads.finding.exports.columns import Cell
from services.leads.finding.exports.rules import Format
from shared.web.cells import defused, is_dangerous


class Writer(Protocol):
    """Makes a file of rows; every piece follows the one before."""

    media_type: str

    def head(self, columns: Sequence[str]) -> bytes: ...

    def rows(self, rows: Sequence[Sequence[Cell]]) -> bytes: ...

    def end(self) -> bytes: ...


def writer_for(wanted: Format, cells: int) -> Writer:
    """A writer of a file of about so many cells."""
    return Csv() if wanted == "csv" else Xlsx(cells)


class Csv:
    """UTF-8 with a byte order mark, by which spreadsheets know it; RFC 4180 else."""

    media_type = "text/csv; charset=utf-8"

    def head(self, columns: Sequence[str]) -> bytes:
        return "\ufeff".encode() + self.rows([columns])

    def rows(self, rows: Sequence[Sequence[Cell]]) -> bytes:
        text = io.StringIO()
        csv.writer(text).writerows([_in_csv(cell) for cell in row] for row in rows)
        return text.getvalue().encode()

    def end(self) -> bytes:
        return b""


def _in_csv(cell: Cell) -> str:
    match cell:
        case None:
            return ""
        case str():
            return defused(cell)
        case bool():
            return "true" if cell else "false"
        case Decimal():
            return format(cell, "f")
    return str(cell)


_TYPES = (
    '<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types">'
    '<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
    '<Default Extension="xml" ContentType="application/xml"/>'
    '<Override PartName="/xl/workbook.xml"'
    ' ContentType="application/vnd.openxmlformats-officedocument.spreadsheetml.sheet.main+xml"/>'
    '<Override PartName="/xl/worksheets/sheet1.xml"'
    ' ContentType="application/vnd.openxmlformats-officedocument.spreadsheetml.worksheet+xml"/>'
    '<Override PartName="/xl/styles.xml"'
    ' ContentType="application/vnd.openxmlformats-officedocument.spreadsheetml.styles+xml"/></Types>'
)
_OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_RELS = "http://schemas.openxmlformats.org/package/2006/relationships"
_MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
_ROOT = (
    f'<Relationships xmlns="{_RELS}"><Relationship Id="rId1" Type="{_OFFICE}/officeDocument"'
    ' Target="xl/workbook.xml"/></Relationships>'
)
_BOOK = (
    f'<workbook xmlns="{_MAIN}" xmlns:r="{_OFFICE}"><sheets>'
    '<sheet name="leads" sheetId="1" r:id="rId1"/></sheets></workbook>'
)
_OF_BOOK = (
    f'<Relationships xmlns="{_RELS}">'
    f'<Relationship Id="rId1" Type="{_OFFICE}/worksheet" Target="worksheets/sheet1.xml"/>'
    f'<Relationship Id="rId2" Type="{_OFFICE}/styles" Target="styles.xml"/></Relationships>'
)
# Style 1: text, whatever somebody types into it later; style 2: a date with its time.
_STYLES = (
    f'<styleSheet xmlns="{_MAIN}"><numFmts count="1">'
    '<numFmt numFmtId="164" formatCode="yyyy-mm-dd hh:mm:ss"/></numFmts>'
    '<fonts count="1"><font><sz val="11"/></font></fonts>'
    '<fills count="1"><fill><patternFill patternType="none"/></fill></fills>'
    '<borders count="1"><border/></borders>'
    '<cellStyleXfs count="1"><xf numFmtId="0" fontId="0" fillId="0" borderId="0"/></cellStyleXfs>'
    '<cellXfs count="3"><xf numFmtId="0" fontId="0" fillId="0" borderId="0" xfId="0"/>'
    '<xf numFmtId="49" fontId="0" fillId="0" borderId="0" xfId="0" quotePrefix="1"'
    ' applyNumberFormat="1"/>'
    '<xf numFmtId="164" fontId="0" fillId="0" borderId="0" xfId="0" applyNumberFormat="1"/></cellXfs>'
    '<cellStyles count="1"><cellStyle name="Normal" xfId="0" builtinId="0"/></cellStyles></styleSheet>'
)
_PARTS = {
    "[Content_Types].xml": _TYPES,
    "_rels/.rels": _ROOT,
    "xl/workbook.xml": _BOOK,
    "xl/_rels/workbook.xml.rels": _OF_BOOK,
    "xl/styles.xml": _STYLES,
}
_DECLARED = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>'
_SHEET = f'{_DECLARED}<worksheet xmlns="{_MAIN}"><sheetData>'
_NO_XML = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]")
# What a reader would take for an escaped character is escaped itself.
_LOOKS_ESCAPED = re.compile(r"_(?=x[0-9A-Fa-f]{4}_)")
_FIRST_DAY = datetime(1899, 12, 30)  # noqa: DTZ001 - days of a sheet have no zone
_EXACT_DIGITS = 15
# A part of a zip has 2 GiB at most, unless it is told ahead that it may have more; and not every spreadsheet
# reads such a zip.
_MANY_CELLS = 5_000_000


class Xlsx:
    """One sheet of inline strings in a zip that is never sought in: nothing needs to be known ahead."""

    media_type = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"

    def __init__(self, cells: int) -> None:
        self._out = _Passed()
        self._zip = zipfile.ZipFile(self._out, "w", zipfile.ZIP_DEFLATED, compresslevel=1)
        for name, part in _PARTS.items():
            self._zip.writestr(name, _DECLARED + part)
        self._sheet = self._zip.open("xl/worksheets/sheet1.xml", "w", force_zip64=cells > _MANY_CELLS)

    def head(self, columns: Sequence[str]) -> bytes:
        self._sheet.write(_SHEET.encode())
        return self.rows([columns])

    def rows(self, rows: Sequence[Sequence[Cell]]) -> bytes:
        text = "".join(f"<row>{''.join(map(_in_sheet, row))}</row>" for row in rows)
        self._sheet.write(text.encode())
        return self._out.taken()

    def end(self) -> bytes:
        self._sheet.write(b"</sheetData></worksheet>")
        self._sheet.close()
        self._zip.close()
        return self._out.taken()


class _Passed(io.RawIOBase):
    """Takes what a zip writes until it is fetched."""

    def __init__(self) -> None:
        self._pieces: list[bytes] = []

    def write(self, piece: bytes) -> int:  # type: ignore[override]  # a zip writes bytes only
        self._pieces.append(bytes(piece))
        return len(piece)

    def taken(self) -> bytes:
        pieces, self._pieces = self._pieces, []
        return b"".join(pieces)


def _in_sheet(cell: Cell) -> str:
    match cell:
        case None | "":
            return "<c/>"
        case str():
            return _text(cell)
        case bool():
            return f'<c t="b"><v>{int(cell)}</v></c>'
        case datetime():
            days = (cell - _FIRST_DAY).total_seconds() / 86_400
            return f'<c s="2"><v>{days!r}</v></c>' if days >= 1 else _text(str(cell))
        case float():
            return f"<c><v>{cell!r}</v></c>"
    told = format(cell, "f") if isinstance(cell, Decimal) else str(cell)
    is_exact = sum(each.isdigit() for each in told) <= _EXACT_DIGITS
    return f"<c><v>{told}</v></c>" if is_exact else _text(told)


def _text(text: str) -> str:
    """Never a formula; the style keeps it text when somebody edits it."""
    kept = escape(_LOOKS_ESCAPED.sub("_x005F_", _NO_XML.sub("", text)))
    style = ' s="1"' if is_dangerous(text) or text.isdigit() else ""
    return f'<c t="inlineStr"{style}><is><t xml:space="preserve">{kept}</t></is></c>'
