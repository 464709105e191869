"""Text rows out of a CSV file: its delimiter, its header, and rows that say what is wrong with them.

Works on a seekable binary file (gzip is opened), in one pass and little memory, whatever the file's size.
"""

from __future__ import annotations

import codecs
import csv
import gzip
import io
import zlib
from collections import Counter, deque
from collections.abc import Iterator, Sequence
from typing import BinaryIO, cast

from services.gateway.imports.files.encoding import detect_encoding
from services.gateway.imports.files.table import (
    HEADER_WITHIN,
    Fits,
    Record,
    Row,
    Table,
    UnreadableFile,
    headed,
    header_of,
)

MAX_CELL = 64 * 1024
MAX_LINE = 4 * 1024 * 1024
MAX_UNPACKED_BYTES = 512 * 1024 * 1024
_BLOCK = 256 * 1024
_TOP_LINES = 8 * HEADER_WITHIN
_DELIMITERS = (",", ";", "\t", "|")


def open_csv(
    file: BinaryIO, fits: Fits, *, encoding: str | None = None, delimiter: str | None = None
) -> Table:
    """The table in `file`; what is not asked for is detected.

    :raises UnreadableFile: empty, in no encoding that can be told or not in the one given, without a header
        that can be read, or unpacked larger than the limit.
    """
    plain = _unpacked(file)
    found = encoding or detect_encoding(plain)
    plain.seek(0)
    csv.field_size_limit(MAX_CELL)
    lines = _Lines(_text_lines(plain, found))
    top = lines.ahead(_TOP_LINES)
    separator = delimiter or _delimiter(top[: 2 * HEADER_WITHIN], fits)
    first = headed(_records(_Lines(iter(top)), separator), fits)
    names, line = header_of(first.header), first.header.line
    below = (record for record in _records(lines, separator) if record.line > line)
    return Table(found, names, line, _rows(below, lines, len(names)), first.above, first.top)


def _delimiter(sample: Sequence[str], fits: Fits) -> str:
    """The one that makes most sense of the first lines: of their names, then of their widths."""

    def sense(delimiter: str) -> tuple[int, int]:
        rows: list[list[str]] = []
        for line in sample:
            try:
                rows += csv.reader([line], delimiter=delimiter)
            except csv.Error:
                continue
        widths = Counter(len(row) for row in rows if len(row) > 1)
        width, often = max(widths.items(), key=lambda pair: (pair[1], pair[0]), default=(0, 0))
        return max(map(fits, rows), default=0), width * often

    return max(_DELIMITERS, key=sense)


def _unpacked(file: BinaryIO) -> BinaryIO:
    file.seek(0)
    if file.read(2) != b"\x1f\x8b":
        file.seek(0)
        return file
    file.seek(0)
    packed = gzip.GzipFile(fileobj=file, mode="rb")
    try:
        while packed.read(_BLOCK):
            if packed.tell() > MAX_UNPACKED_BYTES:
                raise UnreadableFile(f"unpacked, the file is larger than {MAX_UNPACKED_BYTES >> 20} MiB")
    except (OSError, EOFError, zlib.error) as error:
        raise UnreadableFile(f"the gzip file is damaged: {error}") from error
    packed.seek(0)
    return cast("BinaryIO", packed)


def _text_lines(file: BinaryIO, encoding: str) -> Iterator[str]:
    """Lines with their ends as they are. Like a text file's own, but it leaves the file open and ours."""
    rest = ""
    for text in _decoded(file, encoding):
        # The last one may go on in the next block, be it only by the \n after its \r.
        *whole, rest = io.StringIO(rest + text, newline="").readlines() or [""]
        if len(rest) > MAX_LINE:
            raise UnreadableFile(f"a line is longer than {MAX_LINE:,} characters")
        yield from whole
    yield from io.StringIO(rest, newline="").readlines()


def _decoded(file: BinaryIO, encoding: str) -> Iterator[str]:
    decoder = codecs.getincrementaldecoder(encoding)(errors="replace")
    try:
        while block := file.read(_BLOCK):
            yield decoder.decode(block)
        yield decoder.decode(b"", final=True)
    except UnicodeError as error:
        # What no replacement helps: UTF-16 without its mark, for one.
        raise UnreadableFile(f"the file is not in {encoding}, as the mapping says: {error}") from error


class _Lines(Iterator[str]):
    """The file's lines, counted, so that a record knows where it starts; those of one record can be given
    back, so that what a forgotten quote has swallowed is read again.
    """

    def __init__(self, text: Iterator[str]) -> None:
        self._text = text
        self._waiting: deque[str] = deque()
        self._taken: list[str] = []
        self.number = 0

    def __next__(self) -> str:
        line = self._waiting.popleft() if self._waiting else next(self._text)
        self.number += 1
        self._taken.append(line)
        return line

    def ahead(self, count: int) -> list[str]:
        """The next lines, which are still to come: fewer where they are long."""
        size = 0
        while len(self._waiting) < count and size < MAX_LINE and (line := next(self._text, None)) is not None:
            self._waiting.append(line)
            size += len(line)
        return list(self._waiting)

    def begin(self) -> None:
        """A record begins with the next line."""
        self._taken.clear()

    def give_back(self) -> str:
        """All lines of the record but its first, which is answered, are still to come."""
        first, *others = self._taken
        self._waiting.extendleft(reversed(others))
        self.number -= len(others)
        self._taken = [first]
        return first


def _records(lines: _Lines, delimiter: str) -> Iterator[Record]:
    """Records one by one. One that cannot be parsed is its first line; what follows is read on its own."""
    reader = csv.reader(lines, delimiter=delimiter, strict=True)
    while True:
        lines.begin()
        line = lines.number + 1
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            yield _unreadable(lines, line, delimiter, str(error))
            reader = csv.reader(lines, delimiter=delimiter, strict=True)
            continue
        if any(map(str.strip, cells)):
            yield Record(line, cells, None, lines.number - line + 1)


def _unreadable(lines: _Lines, line: int, delimiter: str, reason: str) -> Record:
    first = lines.give_back()
    try:
        cells = next(csv.reader([first], delimiter=delimiter), [])
    except csv.Error:
        cells = [first[:MAX_CELL]]
    return Record(line, cells, ("unreadable_row", f"its quotes cannot be understood: {reason}"))


def _rows(records: Iterator[Record], lines: _Lines, width: int) -> Iterator[Row]:
    for record in records:
        row = _checked(record, width)
        # Several lines that make no row: most likely a quote that is never closed has joined them.
        if row.fault and record.lines > 1:
            lines.give_back()
            row = Row(row.line, row.cells, ("unreadable_row", "a quote is opened and not closed in its line"))
        yield row


def _checked(record: Record, width: int) -> Row:
    line, cells = record.line, record.cells
    if record.fault is not None:
        return Row(line, tuple(map(str.strip, cells)), record.fault)
    joined = "".join(cells)
    whole = tuple(map(str.strip, cells))
    if len(whole) > width and not any(whole[width:]):
        whole = whole[:width]
    if len(whole) != width:
        return Row(line, whole, ("wrong_width", f"the row has {len(whole)} cells, the header {width}"))
    if "\x00" in joined:
        said = "the row holds the character NUL, which nothing can store"
        return Row(line, whole, ("control_character", said))
    if "\ufffd" in joined:
        said = "a character of the row is not in the file's encoding"
        return Row(line, whole, ("unreadable_character", said))
    return Row(line, whole)
