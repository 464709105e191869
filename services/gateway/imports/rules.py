"""Decisions of an import that rest on nothing but its rows: what a row's fields are, and what they may
hold.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import Literal, Protocol
from zoneinfo import ZoneInfo

from shared.errors import CoxError
from shared.money import Money, to_minor

ImportKind = Literal["leads", "org", "history"]
ImportState = Literal["waiting", "reading", "running", "done", "failed"]
Fields = dict[str, str]
"""A row's mapped fields that hold something, by the mapping's names."""

_GROUPED = re.compile(r"-?\d{1,3}(,\d{3})+(\.\d+)?")
_PLAIN = re.compile(r"-?\d{1,30}(\.\d{1,30})?")
_CODE = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.:-]{0,63}")
_YEARS = range(1900, 2200)
_YEAR_S = 366 * 86_400
_TURNING = frozenset("\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\ufeff")


@dataclass(frozen=True, slots=True)
class Problem:
    """Why a row was not imported: its line in the file (the header is 1), the field, a code, what would be
    right.
    """

    line: int
    field: str | None
    code: str
    detail: str


@dataclass(frozen=True, slots=True)
class Note:
    """What was done with a row though something about it was odd."""

    line: int
    code: str
    detail: str


class RowError(Exception):
    """One field of one row cannot be used."""

    def __init__(self, field: str | None, code: str, detail: str) -> None:
        super().__init__(detail)
        self.field = field
        self.code = code
        self.detail = detail

    def at(self, line: int) -> Problem:
        return Problem(line, self.field, self.code, self.detail)


class Reading(Protocol):
    """What of a mapping decides how cells become fields."""

    @property
    def aliases(self) -> Mapping[str, Mapping[str, str]]: ...

    @property
    def empty(self) -> Mapping[str, Sequence[str]]: ...


def pick(
    cells: Sequence[str], places: Mapping[str, tuple[int, ...]], mapping: Reading
) -> tuple[Fields, list[str]]:
    """The row's fields, and a sentence for each value that was read as another spelling of one."""
    fields: Fields = {}
    respelt: list[str] = []
    for name, columns in places.items():
        value = next((cells[index] for index in columns if cells[index]), "")
        if not value or value in mapping.empty.get(name, ()):
            continue
        meant = mapping.aliases.get(name, {}).get(value)
        if meant is not None:
            respelt.append(f"{name}: {value!r} read as {meant!r}")
        fields[name] = value if meant is None else meant
    return fields, respelt


def parse_moment(fields: Fields, field: str, formats: Sequence[str] | None, zone: ZoneInfo) -> datetime:
    """The field as a moment in UTC. A date is noon in the tenant's zone, a time without an offset is there
    too.
    """
    text = fields[field]
    moment = _iso(text) if formats is None else _formatted(text, formats)
    if moment is None or moment.year not in _YEARS:
        expected = "ISO 8601, such as 2017-03-01" if formats is None else " or ".join(formats)
        raise RowError(field, "bad_date", f"{text[:60]!r} is no date; expected {expected}")
    return (moment if moment.tzinfo else moment.replace(tzinfo=zone)).astimezone(UTC)


def _iso(text: str) -> datetime | None:
    try:
        # A date alone is at most "2017-W09-3" long.
        return _noon(date.fromisoformat(text)) if len(text) <= 10 else datetime.fromisoformat(text)
    except ValueError:
        return None


def _formatted(text: str, formats: Sequence[str]) -> datetime | None:
    for pattern in formats:
        try:
            moment = datetime.strptime(text, pattern)  # noqa: DTZ007 - the caller knows the zone
        except ValueError:
            continue
        timed = any(mark in pattern for mark in ("%H", "%I", "%c", "%X"))
        return moment if timed else _noon(moment.date())
    return None


def _noon(day: date) -> datetime:
    return datetime.combine(day, time(12))


def parse_amount(fields: Fields, field: str, currency: str) -> dict[str, str]:
    """The field as money on the wire; `1,234.50` may have its thousands grouped. Negative amounts are
    refused.
    """
    text = fields[field]
    plain = text.replace(",", "") if _GROUPED.fullmatch(text) else text
    if not _PLAIN.fullmatch(plain):
        raise RowError(field, "bad_amount", f"{text[:60]!r} is no amount, such as 1054 or 1054.50")
    amount = Decimal(plain)
    if amount < 0:
        raise RowError(field, "negative_amount", f"{text[:60]!r}: a deal's value is not negative")
    try:
        to_minor(Money(amount, currency))
    except CoxError as error:
        raise RowError(field, "bad_amount", f"{text[:60]!r}: {error.detail}") from error
    return {"amount": plain, "currency": currency}


def needed(fields: Fields, field: str) -> str:
    """The field's value.

    :raises RowError: it is empty.
    """
    value = fields.get(field)
    if value is None:
        raise RowError(field, "missing_value", f"{field} is empty")
    return value


def parse_code(fields: Fields, field: str) -> str | None:
    """The field as a machine's word, such as `connected`; None where it is empty."""
    text = fields.get(field)
    if text is not None and not _CODE.fullmatch(text):
        raise RowError(
            field, "bad_code", f"{text[:60]!r} is no code, such as `connected`; map it by `aliases`"
        )
    return text


def parse_seconds(fields: Fields, field: str) -> int | None:
    """The field as whole seconds, at most a year; None where it is empty."""
    text = fields.get(field)
    if text is None:
        return None
    if not (text.isascii() and text.isdigit() and len(text) < 9 and int(text) <= _YEAR_S):
        raise RowError(
            field, "bad_duration", f"{text[:60]!r} is no duration in whole seconds, at most a year"
        )
    return int(text)


def check_line(fields: Fields, field: str, longest: int) -> None:
    """A name is one line that reads as it is written: no control or direction-changing characters."""
    text = fields.get(field, "")
    if len(text) > longest:
        raise RowError(field, "too_long", f"{text[:40]!r}… has more than {longest} characters")
    if not text.isprintable() or any(mark in _TURNING for mark in text):
        raise RowError(field, "bad_characters", "control or direction-changing characters")
