"""A process that makes a spreadsheet of lines of JSON, each a row of texts: from standard input to output."""

from __future__ import annotations

import io
import sys

import orjson

MOST_CHARACTERS = 32_767
"""Of a cell, by Excel."""


def main() -> None:
    """`python -m …spreadsheet_writer < lines > file.xlsx`."""
    from openpyxl import Workbook
    from openpyxl.cell import WriteOnlyCell
    from openpyxl.cell.cell import ILLEGAL_CHARACTERS_RE

    book = Workbook(write_only=True)
    sheet = book.create_sheet("rows")
    for line in sys.stdin.buffer:
        cells = []
        for text in orjson.loads(line):
            cell = WriteOnlyCell(sheet, ILLEGAL_CHARACTERS_RE.sub("", text)[:MOST_CHARACTERS])
            # Whatever it looks like: no number, no date, no formula.
            cell.data_type, cell.number_format = "s", "@"
            cells.append(cell)
        sheet.append(cells)
    made = io.BytesIO()
    book.save(made)
    sys.stdout.buffer.write(made.getvalue())


if __name__ == "__main__":
    main()
