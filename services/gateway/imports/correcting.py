"""Rows to correct as files: CSV as it streams, a spreadsheet made by a process of its own."""

from __future__ import annotations

import asyncio
import csv
import io
import subprocess
import sys
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import orjson

from services.gateway.imports.corrections import defused
from shared.errors import Unavailable

CSV = "text/csv"
XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
_ROOT = Path(__file__).resolve().parents[3]
_JOB = "services.gateway.imports.spreadsheet_writer"
_AT_ONCE = 500


class NotWritten(Unavailable):
    code = "not_written"
    title = "The spreadsheet could not be written; ask for CSV"


def csv_text(rows: Sequence[Sequence[str]]) -> str:
    """Rows as CSV; every cell is text that no spreadsheet works out."""
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerows([defused(cell) for cell in row] for row in rows)
    return text.getvalue()


async def as_csv(rows: AsyncIterator[list[str]]) -> AsyncIterator[str]:
    """With the mark of UTF-8 first: Excel reads it as GBK otherwise."""
    yield "\ufeff"
    held: list[list[str]] = []
    async for row in rows:
        held.append(row)
        if len(held) >= _AT_ONCE:
            yield csv_text(held)
            held.clear()
    yield csv_text(held)


async def as_xlsx(rows: AsyncIterator[list[str]]) -> bytes:
    """A spreadsheet of text cells. Raises NotWritten."""
    lines = bytearray()
    async for row in rows:
        lines += orjson.dumps([defused(cell) for cell in row]) + b"\n"
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", _JOB,
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, cwd=_ROOT,
    )  # fmt: skip
    written, _ = await process.communicate(bytes(lines))
    if process.returncode != 0:
        raise NotWritten
    return written
