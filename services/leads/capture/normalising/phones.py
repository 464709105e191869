"""Phones to E.164 with their extension: one number, or all that one cell holds.

Pure; the text as given is kept elsewhere. What cannot be read is refused with its reason and its place, and
nothing is put right by guessing. The refusal does not repeat the digits: it may end up in a log.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass

from services.leads.capture.normalising.numbering import e164_of, why_not
from shared.errors import Invalid

MOST_NUMBERS = 10
"""More of them in one cell are refused: it is a list of something else."""

_PLAIN_MOBILE = re.compile(r"(?P<country>\+86)? ?(?P<number>1[3-9][0-9]{9})")
_DASHES = str.maketrans(dict.fromkeys("\u2010\u2011\u2012\u2013\u2014\u2015\u2212\u30fc\uff70\ufe58", "-"))
_SCIENTIFIC = re.compile(r"\d(?:\.\d+)?e\+?\d+", re.IGNORECASE)
_AS_DECIMAL = re.compile(r"(?<=\d{5})\.0+(?!\d)")
_BETWEEN = re.compile(r"[/、,;|\\\n\r\t]|或者?|(?<=\d)\s*(?:和|及|or|and|&)\s*(?=[+(\d])", re.IGNORECASE)
_NAMED = re.compile(
    r"(?:手机号?码?|移动电话|联系电话|联系方式|电话号?码?|座机|固话|固定电话|办公电话|公司电话"
    r"|telephone|mobile|phone|cell|tel|mob)\s*[.:]*\s*",
    re.IGNORECASE,
)
_NOTE = re.compile(r"\([^()\d+]*\)")
_EXTENSION = re.compile(
    r"[\s(\[-]*(?:转接?|轉接?|分机号?|分機號?|内线|內線|extension|extn|ext|x|\#)"
    r"\s*[.:]*\s*(?P<digits>\d{1,7})[)\]\s]*",
    re.IGNORECASE,
)
_DASHED_EXTENSION = re.compile(r"(?P<number>.*\d\)?)\s*-\s*(?P<digits>\d{1,6})")
# Spaces, full stops, and the quotation mark by which Excel is told that it is text.
_AROUND = " 。.'\"`‘’“”"
_LOOSE = re.compile(r"[\s'-]+")
_MOST_PIECES = 12


class BadPhone(Invalid):
    code = "bad_phone"
    title = "Not a phone number"


@dataclass(frozen=True, slots=True)
class Phone:
    """`e164` like `+8613800138000`; `extension` digits or None."""

    e164: str
    extension: str | None

    @property
    def key(self) -> str:
        """What two numbers must share to be the same line."""
        return f"{self.e164};ext={self.extension}" if self.extension else self.e164


def phone_of_key(key: str) -> Phone:
    """The phone of this `key`."""
    e164, _, extension = key.partition(";ext=")
    return Phone(e164, extension or None)


def normalised_phone(text: str, region: str) -> Phone:
    """The only number that the text holds, nationally written as in `region` (ISO 3166). Raises BadPhone."""
    phones = normalised_phones(text, region)
    if len(phones) > 1:
        raise BadPhone(f"these are {len(phones)} numbers; give one")
    return phones[0]


def normalised_phones(text: str, region: str) -> tuple[Phone, ...]:
    """All numbers of one cell, in its order and each once; at least one. Raises BadPhone."""
    mobile = _PLAIN_MOBILE.fullmatch(text)
    if mobile and (mobile["country"] or region == "CN"):
        # What most cells hold, read at once.
        return (Phone(f"+86{mobile['number']}", None),)
    parts = _parts(_plain(text))
    if len(parts) > MOST_NUMBERS:
        raise BadPhone(f"more than {MOST_NUMBERS} numbers")
    found: dict[str, Phone] = {}
    for place, part in enumerate(parts, 1):
        read = _read(part, region)
        if not read:
            which = f"number {place} of {len(parts)}" if len(parts) > 1 else "it"
            raise BadPhone(f"{which} {why_not(part, region)}")
        found |= {phone.key: phone for phone in read if phone.key not in found}
    return tuple(found.values())


def _plain(text: str) -> str:
    """Compatibility forms and dashes unified, without what cannot be seen."""
    plain = text if text.isascii() else unicodedata.normalize("NFKC", text).translate(_DASHES)
    if not plain.isprintable():
        plain = "".join(c for c in plain if unicodedata.category(c) != "Cf")
    return plain


def _parts(plain: str) -> list[str]:
    bare = plain.strip(_AROUND)
    if _SCIENTIFIC.fullmatch(bare):
        raise BadPhone(
            "it is a rounded number, such as Excel makes of a long one: the digits it lost stand nowhere;"
            " give the column the format Text"
        )
    parts = (part.strip(_AROUND) for part in _BETWEEN.split(_AS_DECIMAL.sub("", bare)))
    return [part for part in parts if part] or [""]


def _read(part: str, region: str) -> tuple[Phone, ...]:
    """The number, or the numbers if only spaces or dashes part them and in one way only; () if none."""
    part = _NAMED.sub(" ", _NOTE.sub(" ", part)).strip()
    whole = _single(part, region)
    if whole:
        return (whole,)
    pieces = _LOOSE.split(part)
    if not 2 <= len(pieces) <= _MOST_PIECES:
        return ()
    ways = _ways(pieces, region)
    return ways[0] if len(ways) == 1 else ()


def _ways(pieces: list[str], region: str) -> list[tuple[Phone, ...]]:
    """In which ways the pieces make numbers, one after another; at most two of them."""
    ways: list[list[tuple[Phone, ...]]] = [[()], *([] for _ in pieces)]
    for end in range(1, len(pieces) + 1):
        for begin in range(end):
            phone = _single(" ".join(pieces[begin:end]), region) if ways[begin] else None
            if phone:
                ways[end] += [(*before, phone) for before in ways[begin]]
        del ways[end][2:]
    return ways[-1]


def _single(part: str, region: str) -> Phone | None:
    extension = None
    found = _EXTENSION.search(part)
    if found and found.end() == len(part) and found.start():
        part, extension = part[: found.start()], found["digits"]
    e164 = e164_of(part, region)
    if e164 is None and extension is None:
        dashed = _DASHED_EXTENSION.fullmatch(part)
        if dashed:
            e164, extension = e164_of(dashed["number"], region), dashed["digits"]
    return Phone(e164, extension) if e164 else None
