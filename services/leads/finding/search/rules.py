"""How text becomes terms that an index can find, the same way at write and at search.

A term is a 63-bit integer and not text: tenant (21 bits), first character, second character (21 bits each).
So it is exact, small in the index, and the terms of one tenant lie together.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from hashlib import blake2b
from itertools import pairwise
from uuid import UUID

from services.leads.capture.normalising.texts import folded

_POINT_BITS = 21
_POINTS = (1 << _POINT_BITS) - 1
_BEYOND_UNICODE = 0x110000
_SPACE = 0x20
_LAST_ASCII = 0x7F
_NONE = ""
"""No term: no pair ends in a space."""
_PHONE_LIKE = re.compile(r"\+?[\d().\-]+")
_LEAST_PHONE_DIGITS = 5
MOST_WORDS = 8
"""Words of a search that are looked at; further ones are ignored."""


@dataclass(frozen=True, slots=True)
class Search:
    """What to look for: every term must be in the index, and every pattern (SQL `like`) holds in the text.

    Where a pattern says no more than terms do, it is quicker to see. `shown`: a pattern for every word, of a
    text on one line that begins with a space.
    """

    terms: tuple[int, ...]
    patterns: tuple[str, ...]
    shown: tuple[str, ...]


def search_text(fields: Iterable[str | None]) -> str:
    """The fields as one text, a line each."""
    return "\n".join([line for line in [folded(field) for field in fields if field] if line])


def text_terms(tenant_id: UUID, text: str) -> set[str]:
    """The terms of a `search_text`: bigrams in words, single characters beyond ASCII, initials of words.

    In figures, as they are written to a statement: most of them come again and need not be spelt anew.
    """
    # Words follow a space each: the pair that it makes with a first character is that initial's term.
    words = " " + " ".join(text.split())
    if words.isascii():
        # Many pairs come again in the next text.
        known = set(map(_pair_terms(_tenant_bits(tenant_id)).__getitem__, _pairs_of_bytes(words.encode())))
        known.discard(_NONE)
        return known
    base = _tenant_bits(tenant_id)
    points = [ord(character) for character in words]
    terms = {base | one << _POINT_BITS | two for one, two in set(pairwise(points)) if two != _SPACE}
    terms.update([base | point for point in points if point > _LAST_ASCII])
    return set(map(str, terms))


class _PairTerms(dict[int, str]):
    """The terms of a tenant by pairs of ASCII characters, as `_pairs_of_bytes` has them; at most 2^14."""

    def __init__(self, base: int) -> None:
        super().__init__()
        self._base = base

    def __missing__(self, pair: int) -> str:
        first, second = pair & 0xFF, pair >> 8
        term = _NONE if second == _SPACE else str(self._base | first << _POINT_BITS | second)
        self[pair] = term
        return term


# Some thousand pairs each: a few MB in all.
_pair_terms = lru_cache(maxsize=16)(_PairTerms)


def _pairs_of_bytes(text: bytes) -> tuple[int, ...]:
    """Each byte with the one behind it, as a number of two bytes: the first is the low one."""
    even, odd = len(text) // 2, (len(text) - 1) // 2
    return struct.unpack_from(f"<{even}H", text) + struct.unpack_from(f"<{odd}H", text, 1)


def exact_term(tenant_id: UUID, kind: str, value: str) -> int:
    """One term for a whole value (`tag`, `phone`, `email`), apart from all terms of characters."""
    return exact_terms(tenant_id, [(kind, value)])[0]


def exact_terms(tenant_id: UUID, values: Iterable[tuple[str, str]]) -> list[int]:
    """The same for several `(kind, value)`."""
    base = _tenant_bits(tenant_id)
    return [base | (_exact_tag(value) if kind == "tag" else _exact(kind, value)) for kind, value in values]


def _exact(kind: str, value: str) -> int:
    digest = int.from_bytes(blake2b(f"{kind}\x1f{value}".encode(), digest_size=8).digest(), "big")
    first = _BEYOND_UNICODE + (digest >> _POINT_BITS) % (_POINTS - _BEYOND_UNICODE)
    return first << _POINT_BITS | (digest & _POINTS)


@lru_cache(maxsize=4096)
def _exact_tag(tag: str) -> int:
    # Few tags stand on many leads.
    return _exact("tag", tag)


def search_for(tenant_id: UUID, query: str) -> Search:
    """What a user's words mean: each of the first MOST_WORDS must occur; one Latin letter is the start of a
    word.

    Terms say exactly whether one or two characters occur; longer words need their pattern besides.
    """
    base = _tenant_bits(tenant_id)
    pairs: set[tuple[int, int]] = set()
    patterns: list[str] = []
    shown: list[str] = []
    for word in folded(query).split()[:MOST_WORDS]:
        part = _digits_if_phone(word)
        points = [ord(character) for character in part]
        if len(points) == 1:
            pairs.add((0 if points[0] > _LAST_ASCII else _SPACE, points[0]))
        shown.append(_contains(f" {part}" if len(points) == 1 and part.isascii() else part))
        pairs.update(pairwise(points))
        if len(points) > 1:
            patterns.append(_contains(part))
    terms = sorted(base | first << _POINT_BITS | second for first, second in pairs)
    return Search(tuple(terms), tuple(patterns), tuple(shown))


def _digits_if_phone(word: str) -> str:
    """Without what is dialled ahead at home: numbers are stored as they are called from abroad."""
    digits = re.sub(r"\D", "", word).lstrip("0")
    return digits if len(digits) >= _LEAST_PHONE_DIGITS and _PHONE_LIKE.fullmatch(word) else word


def _contains(part: str) -> str:
    escaped = part.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
    return f"%{escaped}%"


def _tenant_bits(tenant_id: UUID) -> int:
    # The low bits of a UUIDv7 are the random ones.
    return (tenant_id.int & _POINTS) << (2 * _POINT_BITS)
