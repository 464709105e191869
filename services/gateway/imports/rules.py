"""Decisions of an import that rest on nothing but its rows: what a row's fields are, and what they may
hold.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import Literal, Protocol
from uuid import UUID
from zoneinfo import ZoneInfo

from services.gateway.imports.values.amounts import UnclearAmount, read_amount
from services.gateway.imports.values.dates import UnclearDate, read_date
from shared.errors import CoxError
from shared.money import CURRENCIES, Money, to_minor, written

ImportKind = Literal["leads", "org", "history"]
ImportState = Literal["waiting", "reading", "running", "done", "failed"]
Mode = Literal["create", "update", "upsert"]
UpdateKey = Literal["phone", "email", "credit_code", "external_id"]
Fields = dict[str, str]
"""A row's mapped fields that hold something, by the mapping's names."""

_SIMPLE = re.compile(r"\d{1,12}(?:\.\d{1,2})?")
_CODE = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.:-]{0,63}")
_ERRORS = frozenset({"#N/A", "#REF!", "#VALUE!", "#DIV/0!", "#NAME?", "#NULL!", "#NUM!", "#SPILL!", "#CALC!"})
_YEARS = range(1900, 2200)
_YEAR_S = 366 * 86_400
_TURNING = frozenset("\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\ufeff")


@dataclass(frozen=True, slots=True)
class Options:
    """How a file is imported. `key` tells which lead a row is about, where leads are changed.

    `corrects`: the import whose bad rows this file has; `mapping_name`: the saved mapping that was used.
    """

    mode: Mode = "create"
    key: UpdateKey | None = None
    corrects: UUID | None = None
    mapping_name: str | None = None

    @classmethod
    def of(cls, stored: Mapping[str, str | None] | None) -> Options:
        known = dict(stored or {})
        corrects = known.pop("corrects", None)
        return cls(**known, corrects=UUID(corrects) if corrects else None)  # type: ignore[arg-type]

    def stored(self) -> dict[str, str | None]:
        corrects = str(self.corrects) if self.corrects else None
        return {"mode": self.mode, "key": self.key, "corrects": corrects, "mapping_name": self.mapping_name}


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
    cells: Sequence[str],
    places: Mapping[str, tuple[int, ...]],
    mapping: Reading,
    joined: Collection[str] = (),
) -> tuple[Fields, list[str]]:
    """The row's fields, and a sentence for each value that was read as another spelling of one.

    A field of several columns is the first of them that holds something; a `joined` one all of them.

    :raises RowError: one of its cells holds an error of a spreadsheet.
    """
    fields: Fields = {}
    respelt: list[str] = []
    aliases, empty = mapping.aliases, mapping.empty
    for name, columns in places.items():
        value = cells[columns[0]] if len(columns) == 1 else _of_several(cells, columns, name in joined)
        if not value or (empty and value in empty.get(name, ())):
            continue
        if value[0] == "#" and value in _ERRORS:
            raise RowError(name, "cell_error", f"the cell holds {value}, an error of the spreadsheet")
        meant = aliases.get(name, {}).get(value) if aliases else None
        if meant is not None:
            respelt.append(f"{name}: {value!r} read as {meant!r}")
        fields[name] = value if meant is None else meant
    return fields, respelt


def _of_several(cells: Sequence[str], columns: Sequence[int], joined: bool) -> str:
    filled = (cells[index] for index in columns if cells[index])
    return " / ".join(dict.fromkeys(filled)) if joined else next(filled, "")


def parse_moment(fields: Fields, field: str, formats: Sequence[str] | None, zone: ZoneInfo) -> datetime:
    """The field as a moment in UTC. A date is noon in the tenant's zone, a time without an offset is there
    too.
    """
    text = fields[field]
    moment = _iso(text) or _usual(field, text) if formats is None else _formatted(text, formats)
    if moment is None or moment.year not in _YEARS:
        expected = "a date such as 2017-03-01" if formats is None else " or ".join(formats)
        raise RowError(field, "bad_date", f"{text[:60]!r} is no date; expected {expected}")
    return (moment if moment.tzinfo else moment.replace(tzinfo=zone)).astimezone(UTC)


def _iso(text: str) -> datetime | None:
    try:
        # A date alone is at most "2017-W09-3" long.
        return _noon(date.fromisoformat(text)) if len(text) <= 10 else datetime.fromisoformat(text)
    except ValueError:
        return None


def _usual(field: str, text: str) -> datetime:
    try:
        found = read_date(text)
    except UnclearDate as error:
        raise RowError(field, "bad_date", f"{text[:60]!r}: {error}") from None
    return found if isinstance(found, datetime) else _noon(found)


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


@dataclass(frozen=True, slots=True)
class Worth:
    """Money on the wire, and a sentence where it was not written as a plain number."""

    money: dict[str, str]
    said: str | None


def parse_amount(fields: Fields, field: str, currency: str, factor: Decimal | None = None) -> Worth:
    """The field as money on the wire; see `read_amount`. Negative amounts are refused."""
    text = fields[field]
    if factor is None and _SIMPLE.fullmatch(text) and CURRENCIES.get(currency, 0) > 1:
        return Worth({"amount": text, "currency": currency}, None)
    try:
        found = read_amount(text, currency, factor)
        unit = found.currency or currency
        minor = to_minor(Money(found.amount, unit))
    except UnclearAmount as error:
        raise RowError(field, error.code, f"{text[:60]!r}: {error}") from None
    except CoxError as error:
        raise RowError(field, "bad_amount", f"{text[:60]!r}: {error.detail}") from error
    plain = written(minor, unit) if found.odd else format(found.amount, "f")
    return Worth({"amount": plain, "currency": unit}, f"{text[:60]!r} read as {plain}" if found.odd else None)


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
