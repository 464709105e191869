"""Text rows out of a file: its encoding, its delimiter, its header, and rows that say what is wrong with
them.

Works on a seekable binary file (gzip is opened), in one pass and little memory, whatever the file's size.
"""

from __future__ import annotations

import codecs
import csv
import gzip
import io
import unicodedata
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import BinaryIO, cast

from shared.errors import FieldError, Invalid

MAX_CELL = 64 * 1024
MAX_LINE = 4 * 1024 * 1024
MAX_UNPACKED_BYTES = 512 * 1024 * 1024
_BLOCK = 256 * 1024
_SHOWN = 2000
_DELIMITERS = (",", ";", "\t", "|")


class UnreadableFile(Invalid):
    code = "unreadable_file"
    title = "The file cannot be read"


class WrongHeader(Invalid):
    code = "wrong_header"
    title = "The file's header is not the one that the mapping names"


@dataclass(frozen=True, slots=True)
class Row:
    """One record. `line` is where it starts in the file (the header is 1); `fault` is (code, detail) or
    None.
    """

    line: int
    cells: tuple[str, ...]
    fault: tuple[str, str] | None = None


@dataclass(frozen=True, slots=True)
class Table:
    """An opened file: what was found, and its rows, to be read once."""

    encoding: str
    delimiter: str
    header: tuple[str, ...]
    rows: Iterator[Row]


def open_table(file: BinaryIO, *, encoding: str | None = None, delimiter: str | None = None) -> Table:
    """The table in `file`; what is not asked for is detected.

    :raises UnreadableFile: empty, in no encoding that can be told or not in the one given, without a header
        that can be read, or unpacked larger than the limit.
    """
    plain = _unpacked(file)
    found = encoding or detect_encoding(plain)
    plain.seek(0)
    lines = _Lines(_text_lines(plain, found))
    first = next(lines, "").lstrip("\ufeff")
    if not first.strip():
        raise UnreadableFile("the file is empty: its first line must name the columns")
    separator = delimiter or max(_DELIMITERS, key=first.count)
    header = _header(first, separator)
    return Table(found, separator, header, _rows(lines, separator, len(header)))


def _header(line: str, delimiter: str) -> tuple[str, ...]:
    csv.field_size_limit(MAX_CELL)
    try:
        return tuple(cell.strip() for cell in next(csv.reader([line], delimiter=delimiter)))
    except csv.Error as error:
        raise UnreadableFile(f"its first line, which names the columns, cannot be read: {error}") from error


def resolve_columns(header: Sequence[str], wanted: Mapping[str, Sequence[str]]) -> dict[str, tuple[int, ...]]:
    """Where each field's columns are.

    :raises WrongHeader: names every column that is missing or there twice, and those that were found.
    """
    places = {name: index for index, name in enumerate(header)}
    missing = [
        FieldError(f"/columns/{field}", "missing_column", f"no column is called {name!r}")
        for field, names in wanted.items()
        for name in names
        if name not in places
    ]
    needed = {name for names in wanted.values() for name in names}
    twice = [
        FieldError("/header", "ambiguous_column", f"two columns are called {name!r}")
        for name in sorted(needed)
        if header.count(name) > 1
    ]
    if missing or twice:
        said = ", ".join(sorted({error.detail for error in (*missing, *twice)}))
        # A file may have a million columns; its own names are to fit into an answer.
        there = ", ".join(header)[:_SHOWN]
        raise WrongHeader(f"{said}; the file has: {there}", errors=(*missing, *twice))
    return {field: tuple(places[name] for name in names) for field, names in wanted.items()}


def detect_encoding(file: BinaryIO) -> str:
    """UTF-8, UTF-16 or GB18030, judged by the whole file.

    A few bad bytes in what is UTF-8 otherwise are rows' problems, not the file's.

    :raises UnreadableFile: none of them; the mapping may name another.
    """
    file.seek(0)
    start = file.read(4096)
    if start.startswith(codecs.BOM_UTF8):
        return "utf-8-sig"
    if start.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16"
    if len(start) > 3 and start.count(0) * 3 > len(start):
        return "utf-16-be" if start[0] == 0 else "utf-16-le"
    utf8 = _damage(file, "utf-8")
    if not utf8.replaced:
        return "utf-8"
    gb18030 = _damage(file, "gb18030")
    if not gb18030.replaced and gb18030.han * 10 >= gb18030.foreign * 9:
        return "gb18030"
    if utf8.replaced * 20 <= utf8.foreign:
        return "utf-8"
    raise UnreadableFile(
        "the file is neither UTF-8 nor UTF-16 nor GB18030 (GBK); "
        "the mapping may name its encoding: file: {encoding: …}"
    )


@dataclass(frozen=True, slots=True)
class _Damage:
    """Of a decoded file: characters that could not be read, those outside ASCII, and the Chinese ones of
    these.
    """

    replaced: int
    foreign: int
    han: int


def _damage(file: BinaryIO, encoding: str) -> _Damage:
    decoder = codecs.getincrementaldecoder(encoding)(errors="replace")
    replaced = foreign = han = 0
    file.seek(0)
    while block := file.read(_BLOCK):
        text = decoder.decode(block)
        if text.isascii():
            continue
        outside = [char for char in text if char > "\x7f"]
        foreign += len(outside)
        replaced += text.count("\ufffd")
        han += sum(_is_chinese(char) for char in outside)
    return _Damage(replaced + decoder.decode(b"", final=True).count("\ufffd"), foreign, han)


def _is_chinese(char: str) -> bool:
    return (
        "\u3000" <= char <= "\u9fff" or "\uff00" <= char <= "\uffef" or unicodedata.category(char)[0] == "P"
    )


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
    """The file's lines, counted, so that a record knows where it starts."""

    def __init__(self, text: Iterator[str]) -> None:
        self._text = text
        self.number = 0

    def __next__(self) -> str:
        line = next(self._text)
        self.number += 1
        return line


def _rows(lines: _Lines, delimiter: str, width: int) -> Iterator[Row]:
    """Records one by one. After one that cannot be parsed, reading goes on with the next line."""
    csv.field_size_limit(MAX_CELL)
    reader = csv.reader(lines, delimiter=delimiter)
    while True:
        line = lines.number + 1
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            yield Row(line, (), ("unreadable_row", f"lines {line} to {lines.number}: {error}"))
            reader = csv.reader(lines, delimiter=delimiter)
            continue
        if any(cells):
            yield _checked(line, cells, width)


def _checked(line: int, cells: list[str], width: int) -> Row:
    whole = tuple(cell.strip() for cell in cells)
    if len(cells) != width:
        return Row(line, whole, ("wrong_width", f"the row has {len(cells)} cells, the header {width}"))
    joined = "".join(cells)
    if "\x00" in joined:
        return Row(
            line, whole, ("control_character", "the row holds the character NUL, which nothing can store")
        )
    if "\ufffd" in joined:
        return Row(
            line, whole, ("unreadable_character", "a character of the row is not in the file's encoding")
        )
    return Row(line, whole)
