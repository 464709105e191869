"""In which encoding a text file is, judged by the whole of it."""

from __future__ import annotations

import codecs
import unicodedata
from dataclasses import dataclass
from typing import BinaryIO

from services.gateway.imports.files.table import UnreadableFile

_BLOCK = 256 * 1024


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
    if len(start) > 3 and (found := _bare_utf16(start)):
        return found
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


def _bare_utf16(start: bytes) -> str | None:
    """UTF-16 without its mark. What separates cells and lines has a zero byte on one side, whatever script
    the cells are in.
    """
    if start.count(0) * 3 > len(start):
        return "utf-16-be" if start[0] == 0 else "utf-16-le"
    pairs = [start[at : at + 2] for at in range(0, len(start) - 1, 2)]
    little, big = sum(pair in _LITTLE for pair in pairs), sum(pair in _BIG for pair in pairs)
    if max(little, big) < 3 or max(little, big) * 60 < len(start):
        return None
    return "utf-16-le" if little > big else "utf-16-be"


_LITTLE = frozenset(char.encode("utf-16-le") for char in ",;\t|\r\n")
_BIG = frozenset(char.encode("utf-16-be") for char in ",;\t|\r\n")


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
        han += sum(map(_is_chinese, outside))
    return _Damage(replaced + decoder.decode(b"", final=True).count("\ufffd"), foreign, han)


def _is_chinese(char: str) -> bool:
    return (
        "\u3000" <= char <= "\u9fff" or "\uff00" <= char <= "\uffef" or unicodedata.category(char)[0] == "P"
    )
