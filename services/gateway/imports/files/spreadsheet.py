"""A spreadsheet as a table: read by a process of its own, whose lines are taken as they come."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

import orjson

from services.gateway.imports.files.table import Fits, Record, Row, Table, UnreadableFile, headed, header_of

MAX_CELL = 64 * 1024
_ROOT = Path(__file__).resolve().parents[4]
_JOB = "services.gateway.imports.files.spreadsheet_job"


class _Job:
    """The process and what it reads; `close` ends it wherever it is."""

    def __init__(self, file: BinaryIO, sheet: str | None) -> None:
        # A copy: the process reads at its own place, and what was sent may be held in memory.
        self._copy = tempfile.TemporaryFile()  # noqa: SIM115 - closed with the process
        file.seek(0)
        shutil.copyfileobj(file, self._copy)
        self._copy.seek(0)
        command = [sys.executable, "-m", _JOB, *([sheet] if sheet is not None else [])]
        self._process = subprocess.Popen(
            command, stdin=self._copy, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, cwd=_ROOT
        )

    def records(self) -> Iterator[Record]:
        """Rows as they come. Raises UnreadableFile, also where the process did not come to its end."""
        assert self._process.stdout is not None  # noqa: S101 - it was asked for
        for line in self._process.stdout:
            if not line.strip():
                continue
            said = orjson.loads(line)
            if isinstance(said, dict):
                raise UnreadableFile(said["refused"])
            number, cells, fault = said
            if any(map(str.strip, cells)) or fault:
                yield Record(number, cells, None if fault is None else (fault[0], fault[1]))
        if self._process.wait() != 0:
            raise UnreadableFile("the spreadsheet needs more memory or time than any is given")

    def close(self) -> None:
        if self._process.poll() is None:
            self._process.kill()
        self._process.wait()
        if self._process.stdout is not None:
            self._process.stdout.close()
        self._copy.close()


def open_spreadsheet(file: BinaryIO, fits: Fits, *, sheet: str | None = None) -> Table:
    """The table in a sheet: the one of this name, else the first that is not hidden.

    The table is to be closed. Raises UnreadableFile.
    """
    job = _Job(file, sheet)
    try:
        first = headed(job.records(), fits)
        names = header_of(first.header)
    except BaseException:
        job.close()
        raise
    rows = _rows(first.below, len(names))
    return Table("xlsx", names, first.header.line, rows, first.above, first.top, job)


def _rows(records: Iterator[Record], width: int) -> Iterator[Row]:
    for record in records:
        cells = tuple(map(str.strip, record.cells))
        cells = (*cells, *[""] * (width - len(cells)))
        if any(cells[width:]):
            said = f"the row has something in column {len(cells)}, the header ends with {width}"
            yield Row(record.line, cells, record.fault or ("wrong_width", said))
        elif any(len(cell) > MAX_CELL for cell in cells):
            yield Row(record.line, (), ("unreadable_row", f"a cell of more than {MAX_CELL >> 10} KiB"))
        elif any("\x00" in cell for cell in cells):
            yield Row(record.line, cells[:width], ("control_character", "the row holds the character NUL"))
        else:
            yield Row(record.line, cells[:width], record.fault)
