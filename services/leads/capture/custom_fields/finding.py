"""By what terms a custom field's values are found: whole values, parts of texts, and ranges. Pure.

A range is found by the beginnings of numbers as written in a fixed number of digits, so that few terms cover
it; what they find is a little more than the range, and is compared once more.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import date
from decimal import Decimal
from itertools import pairwise
from typing import Any
from uuid import UUID

from services.leads.capture.custom_fields.rules import CustomField
from services.leads.capture.custom_fields.values import ORDERED, FieldType, written
from services.leads.capture.normalising.texts import folded
from services.leads.finding.search.rules import exact_term

MARK = "\x02"
"""Begins the lines of custom fields in a lead's text; no text that people write has it."""
_LENGTHS = (1, 2, 3, 4, 5, 6)
"""Of the beginnings that are terms: few of them cover any range."""
_LEAST_EXPONENT, _MOST_EXPONENT = -4, 18
_ZERO = 500_000
Found = tuple[Sequence[str], Collection[int]]
NOTHING: Found = ((), ())
"""What a lead without custom fields adds: no lines, no terms."""


def found_by(tenant_id: UUID, fields: Iterable[CustomField], custom: Mapping[str, Any]) -> Found:
    """The lines and the terms that a lead's custom fields add to what it is found by."""
    lines: list[str] = []
    terms: set[int] = set()
    for one in fields:
        value = custom.get(one.key)
        if value is None or not one.active:
            continue
        # Before it holds, too: what is stored while older values are looked at is found afterwards.
        terms.update(terms_of(tenant_id, one.key, one.shown_type, value, searchable=one.searchable))
        if one.searchable:
            lines.append(f"{MARK}{one.key}={folded(str(value))}")
    return lines, terms


def terms_of(tenant_id: UUID, key: str, kind: FieldType, value: Any, *, searchable: bool) -> Iterator[int]:
    """All terms of one value of a type."""
    parts = str(value).split(";") if kind == "choices" else [written(value)]
    yield from (equal_term(tenant_id, key, part) for part in parts)
    # What was stored before the field was there may be of another kind.
    if kind in ORDERED and _is_coded(kind, value):
        code = _coded(kind, value)
        yield from (_range_term(tenant_id, key, code[:length]) for length in _LENGTHS)
    if searchable:
        yield from _part_terms(tenant_id, key, folded(str(value)))


def equal_term(tenant_id: UUID, key: str, text: str) -> int:
    """Of a whole value, or one of several choices."""
    return exact_term(tenant_id, f"custom={key}", text)


def contains_terms(tenant_id: UUID, key: str, word: str) -> list[int]:
    """Of a word (folded, two characters or more) that a searchable field contains."""
    return sorted(set(_part_terms(tenant_id, key, word, singles=False)))


def range_terms(tenant_id: UUID, key: str, kind: FieldType, low: Any, high: Any) -> list[int]:
    """Of which a value in the range has at least one; None: without an end."""
    first = "0" * _LENGTHS[-1] if low is None else _coded(kind, low)
    last = "9" * _LENGTHS[-1] if high is None else _coded(kind, high)
    return [_range_term(tenant_id, key, prefix) for prefix in covering(first, last, _LENGTHS)]


def covering(first: str, last: str, lengths: Sequence[int], prefix: str = "") -> Iterator[str]:
    """The fewest beginnings, of these lengths, that all texts of digits between two of them have."""
    size, length = lengths[-1], lengths[0]
    for number in range(10 ** (length - len(prefix))):
        begun = prefix + str(number).zfill(length - len(prefix))
        low, high = begun.ljust(size, "0"), begun.ljust(size, "9")
        if high < first or low > last:
            continue
        if len(lengths) == 1 or (low >= first and high <= last):
            yield begun
        else:
            yield from covering(first, last, lengths[1:], begun)


def _part_terms(tenant_id: UUID, key: str, text: str, *, singles: bool = True) -> Iterator[int]:
    for word in text.split():
        parts = [first + second for first, second in pairwise(word)]
        if singles or len(word) == 1:
            parts += [character for character in word if not character.isascii()]
        yield from (exact_term(tenant_id, f"custom~{key}", part) for part in parts)


def _range_term(tenant_id: UUID, key: str, prefix: str) -> int:
    return exact_term(tenant_id, f"custom<{key}", prefix)


def _is_coded(kind: FieldType, value: Any) -> bool:
    if kind in ("date", "datetime"):
        return isinstance(value, str) and _is_day(value[:10])
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_day(text: str) -> bool:
    try:
        date.fromisoformat(text)
    except ValueError:
        return False
    return True


def _coded(kind: FieldType, value: Any) -> str:
    """A value as six digits that stand in its order: the number of its day, or its power of ten and first
    digits.
    """
    if kind in ("date", "datetime"):
        place = date.fromisoformat(value[:10]).toordinal()
    else:
        place = _ZERO + _place(value)
    return str(place).zfill(_LENGTHS[-1])


def _place(value: float) -> int:
    """Where a number stands: its power of ten and its first four digits."""
    if value == 0:
        return 0
    exact = abs(Decimal(value)) if isinstance(value, int) else abs(Decimal(repr(value)))
    exponent = exact.adjusted()
    if exponent < _LEAST_EXPONENT:
        place = 1
    elif exponent > _MOST_EXPONENT:
        place = (_MOST_EXPONENT - _LEAST_EXPONENT + 2) * 10_000
    else:
        place = (exponent - _LEAST_EXPONENT + 1) * 10_000 + math.floor(exact.scaleb(3 - exponent))
    return place if value > 0 else -place
