"""A file of any format that is read, as a table."""

from __future__ import annotations

from typing import BinaryIO

from services.gateway.imports.files.csv_reader import open_csv
from services.gateway.imports.files.spreadsheet import open_spreadsheet
from services.gateway.imports.files.table import Fits, Table, UnreadableFile

_ZIP = b"PK\x03\x04"
_OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_SAVE_AS = "save it as .xlsx or .csv and send that"


def open_table(
    file: BinaryIO,
    fits: Fits,
    *,
    encoding: str | None = None,
    delimiter: str | None = None,
    sheet: str | None = None,
) -> Table:
    """The table in `file`, whatever its name says it is; `fits` tells the row that names the columns.

    :raises UnreadableFile: it is none, or larger than anything that is read.
    """
    file.seek(0)
    start = file.read(512)
    if start.startswith(_ZIP):
        return open_spreadsheet(file, fits, sheet=sheet)
    if start.startswith(_OLE):
        raise UnreadableFile(f"this is an .xls file of old, or one with a password; {_SAVE_AS}")
    if (
        start.lstrip(b"\xef\xbb\xbf \t\r\n")[:20]
        .lower()
        .startswith((b"<!doctype", b"<html", b"<table", b"<?xml"))
    ):
        raise UnreadableFile(f"this is a web page, even if its name ends in .xls; {_SAVE_AS}")
    return open_csv(file, fits, encoding=encoding, delimiter=delimiter)
