"""The archive that a spreadsheet is, looked through before anything of it is believed.

Every part is unpacked once, block by block and thrown away, so that what it really holds is known: not what
its directory says. Runs in the job's own process.
"""

from __future__ import annotations

import re
import zipfile
import zlib
from collections.abc import Iterator
from typing import BinaryIO

from services.gateway.imports.files.table import UnreadableFile

MAX_UNPACKED_BYTES = 512 * 1024 * 1024
MAX_TEXT_BYTES = 256 * 1024
"""Of one cell. Excel itself stops at 32,767 characters."""
MAX_PARTS = 2_000
MAX_MERGED = 100_000
_BLOCK = 256 * 1024
_MERGED = re.compile(rb"<(?:\w+:)?mergeCell\s[^>]*?ref=\"([A-Z]{1,3}[0-9]{1,7}:[A-Z]{1,3}[0-9]{1,7})\"")
_LONGEST_TAG = 4096


def opened(file: BinaryIO) -> zipfile.ZipFile:
    """The archive. Raises UnreadableFile where it is no spreadsheet's."""
    try:
        archive = zipfile.ZipFile(file)
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError) as error:
        raise UnreadableFile(f"the spreadsheet is damaged: {error}") from error
    names = set(archive.namelist())
    if len(names) > MAX_PARTS:
        raise UnreadableFile(f"the spreadsheet has {len(names):,} parts; at most {MAX_PARTS:,} are read")
    if "xl/workbook.xml" not in names:
        raise UnreadableFile("this is an archive, but no .xlsx spreadsheet: save it as .xlsx or .csv")
    return archive


def check_parts(archive: zipfile.ZipFile) -> dict[str, list[str]]:
    """What cells each sheet has merged, by the part's name.

    :raises UnreadableFile: together the parts are too large, a cell is, one declares what could grow without
        end, or is packed or encrypted in a way that nobody reads.
    """
    left = MAX_UNPACKED_BYTES
    merged: dict[str, list[str]] = {}
    for part in archive.infolist():
        if not part.filename.endswith((".xml", ".rels")):
            continue
        found, size = _look_through(archive, part, left)
        left -= size
        merged[part.filename] = found
    return merged


def _look_through(archive: zipfile.ZipFile, part: zipfile.ZipInfo, left: int) -> tuple[list[str], int]:
    found: list[str] = []
    size = run = 0
    tail = b""
    for block in _blocks(archive, part):
        if not size:
            _check_start(block, part.filename)
        size += len(block)
        if size > left:
            raise UnreadableFile(f"unpacked, the spreadsheet is larger than {MAX_UNPACKED_BYTES >> 20} MiB")
        # How far it is from one tag to the next says how long the longest cell is.
        first, last = block.find(b"<"), block.rfind(b"<")
        run = run + len(block) if first < 0 else max(run + first, len(block) - last)
        if run > MAX_TEXT_BYTES + _BLOCK:
            raise UnreadableFile(f"the spreadsheet has a cell of more than {MAX_TEXT_BYTES >> 10} KiB")
        run = run if first < 0 else len(block) - last
        if b"mergeCell" in (seen := tail + block):
            found += [ref.decode() for ref in _MERGED.findall(seen)]
        tail = block[block.rfind(b">") + 1 :][-_LONGEST_TAG:]
        if len(found) > MAX_MERGED:
            raise UnreadableFile(f"the spreadsheet has more than {MAX_MERGED:,} merged cells")
    return found, size


def _blocks(archive: zipfile.ZipFile, part: zipfile.ZipInfo) -> Iterator[bytes]:
    try:
        with archive.open(part) as content:
            while block := content.read(_BLOCK):
                yield block
    except (zipfile.BadZipFile, zlib.error, OSError, EOFError, ValueError) as error:
        raise UnreadableFile(f"the spreadsheet is damaged in {part.filename}: {error}") from error
    except (RuntimeError, NotImplementedError) as error:
        said = f"{part.filename} is encrypted, or packed in a way that is not read"
        raise UnreadableFile(said) from error


def _check_start(block: bytes, name: str) -> None:
    """No spreadsheet declares a document type; whoever does wants entities that grow, or files of ours."""
    if block[:2] in (b"\xff\xfe", b"\xfe\xff") or b"\0" in block[:64]:
        raise UnreadableFile(f"{name} is not in UTF-8, as the parts of a spreadsheet are")
    if b"<!DOCTYPE" in block or b"<!ENTITY" in block:
        raise UnreadableFile(f"{name} declares a document type, which spreadsheets do not have")
