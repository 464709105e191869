"""What values a custom field of each type takes, and in which one form each is stored. Pure.

Dates and times are stored as ISO 8601 texts (times in UTC), several choices as their keys in the order of the
options, joined by `;`: everything in a lead's `custom` is a scalar.
"""

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any, Literal, get_args
from zoneinfo import ZoneInfo

FieldType = Literal[
    "text", "long_text", "integer", "number", "date", "datetime", "boolean", "choice", "choices", "url"
]
TYPES: tuple[FieldType, ...] = get_args(FieldType)
CHOOSING = frozenset({"choice", "choices"})
SEARCHABLE = frozenset({"text", "long_text", "url"})
ORDERED = frozenset({"integer", "number", "date", "datetime"})

TEXT_MOST = 500
LONG_TEXT_MOST = 4000
URL_MOST = 2000
_INT64 = 2**63
_FIRST_YEAR, _LAST_YEAR = 1900, 2199
_URL = re.compile(r"https?://[^\s/?#.]+(\.[^\s/?#.]+)*(:\d{1,5})?([/?#]\S*)?", re.IGNORECASE)
_DATE = re.compile(r"\d{4}-\d\d-\d\d")
_TIME = re.compile(r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(\.\d{1,9})?([Zz]|[+-]\d\d:\d\d)")
_SEVERAL = re.compile(r"[;；]")
_WRITTEN_DATE = re.compile(r"(\d{4})\s*[-/.年]\s*(\d{1,2})\s*[-/.月]\s*(\d{1,2})\s*日?")
_WRITTEN_TIME = re.compile(r"(\d{4}[-/.年]\d{1,2}[-/.月]\d{1,2}日?)[\sT]+(\d{1,2}):(\d\d)(?::(\d\d))?")
_GROUPED = re.compile(r"[+-]?\d{1,3}(,\d{3})+(\.\d+)?")
_NUMBER = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d{1,3})?")
_YES = frozenset({"true", "yes", "y", "1", "是", "对", "有"})
_NO = frozenset({"false", "no", "n", "0", "否", "不", "无"})


class Misfit(Exception):
    """A value that a field does not take. `code` is stable; the text says what would be right."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(detail)
        self.code, self.detail = code, detail


@dataclass(frozen=True, slots=True)
class Option:
    """One of a choice's. Stored is `key`; `labels` by language (`zh`, `en`) may change, and are read too."""

    key: str
    labels: Mapping[str, str]
    active: bool = True


def taken(kind: FieldType, options: Sequence[Option], value: object) -> Any:
    """The value in the form in which it is stored. Raises Misfit."""
    if kind in CHOOSING:
        return _chosen(kind, options, value)
    return _TAKEN[kind](value)


def converted(kind: FieldType, options: Sequence[Option], value: object, zone: str = "UTC") -> Any:
    """A value that was stored as another type, or written as text, where it says exactly the same. Raises
    Misfit.
    """
    try:
        return taken(kind, options, value)
    except Misfit:
        if value is None or (isinstance(value, float) and not math.isfinite(value)):
            raise
    return read(kind, options, written(value), zone)


def written(value: object) -> str:
    """A stored value as a text says it."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


def read(kind: FieldType, options: Sequence[Option], text: str, zone: str) -> Any:
    """What a text says, as cells of files do: `1,200`, `是`, `2026/3/1`, times in the IANA zone where they
    name none. Raises Misfit.
    """
    if kind in ("text", "long_text", "url", *CHOOSING):
        return taken(kind, options, text)
    plain = unicodedata.normalize("NFKC", text).strip()
    reader = _READ.get(kind)
    return reader(plain) if reader else _read_time(plain, zone)


def _text(value: object) -> str:
    text = _line(value, TEXT_MOST)
    if "\n" in text or "\r" in text:
        raise Misfit("several_lines", "a text on one line; a long text may have several")
    return text


def _long_text(value: object) -> str:
    return _line(value, LONG_TEXT_MOST)


def _line(value: object, most: int) -> str:
    if not isinstance(value, str):
        raise Misfit("not_a_text", "a text in quotes")
    text = value.strip()
    if not 1 <= len(text) <= most:
        raise Misfit("too_long", f"a text of 1 to {most} characters")
    return text


def _integer(value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not -_INT64 <= value < _INT64:
        raise Misfit("not_an_integer", "a whole number such as 12, of at most 64 bits")
    return value


def _number(value: object) -> int | float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise Misfit("not_a_number", "a number such as 12.5")
    if isinstance(value, int):
        return _integer(value)
    # 12.0 is 12: equal values are stored alike.
    return int(value) if value.is_integer() and abs(value) < 2**53 else value


def _boolean(value: object) -> bool:
    if not isinstance(value, bool):
        raise Misfit("not_a_boolean", "true or false")
    return value


def _date(value: object) -> str:
    if isinstance(value, str) and _DATE.fullmatch(value.strip()):
        return _day(*map(int, value.strip().split("-")))
    raise Misfit("not_a_date", "a date such as 2026-03-01")


def _day(year: int, month: int, day: int) -> str:
    try:
        found = date(year, month, day)
    except ValueError:
        raise Misfit("no_such_date", f"there is no {year:04}-{month:02}-{day:02}") from None
    if not _FIRST_YEAR <= year <= _LAST_YEAR:
        raise Misfit("no_such_date", f"a date in the years {_FIRST_YEAR} to {_LAST_YEAR}")
    return found.isoformat()


def _datetime(value: object) -> str:
    if isinstance(value, str) and _TIME.fullmatch(value.strip()):
        text = value.strip().upper()
        try:
            return _in_utc(datetime.fromisoformat(text[:10] + "T" + text[11:]))
        except ValueError:
            pass
    raise Misfit("not_a_time", "a time with its zone, such as 2026-03-01T09:30:00+08:00")


def _in_utc(at: datetime) -> str:
    if not _FIRST_YEAR < at.year < _LAST_YEAR:
        raise Misfit("not_a_time", f"a time in the years {_FIRST_YEAR + 1} to {_LAST_YEAR - 1}")
    # One width, so that texts stand in the order of times.
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def _url(value: object) -> str:
    text = _line(value, URL_MOST)
    if not _URL.fullmatch(text):
        raise Misfit("not_a_url", "an address such as https://example.com/about")
    return text


def _chosen(kind: FieldType, options: Sequence[Option], value: object) -> str:
    names = ", ".join(option.key for option in options if option.active)
    if not isinstance(value, str):
        raise Misfit("not_an_option", f"one of {names}")
    asked = [value] if kind == "choice" else [part for part in _SEVERAL.split(value) if part.strip()]
    if not asked:
        raise Misfit("not_an_option", f"some of {names}, joined by ;")
    places = {_option(options, part, names) for part in asked}
    return ";".join(options[place].key for place in sorted(places))


def _option(options: Sequence[Option], text: str, names: str) -> int:
    """Where the option stands that is meant by its key, or by a label in any language."""
    wanted = text.strip()
    folded = _folded(wanted)
    found = [at for at, each in enumerate(options) if each.key == wanted] or [
        at for at, each in enumerate(options) if folded in map(_folded, each.labels.values())
    ]
    if not found:
        raise Misfit("not_an_option", f"{wanted[:40]!r} is none of {names}")
    at = next((at for at in found if options[at].active), None)
    if at is None:
        raise Misfit("retired_option", f"{wanted[:40]!r} is no longer used; one of {names}")
    return at


def _folded(text: str) -> str:
    return unicodedata.normalize("NFKC", text).strip().casefold()


def _read_number(text: str) -> int | float:
    plain = text.replace(",", "") if _GROUPED.fullmatch(text) else text
    if not _NUMBER.fullmatch(plain):
        raise Misfit("not_a_number", "a number such as 12.5")
    if re.fullmatch(r"[+-]?\d+", plain):
        return _integer(int(plain)) if len(plain) < 22 else _number(math.inf)
    return _number(float(plain))


def _read_integer(text: str) -> int:
    try:
        return _integer(_read_number(text))
    except Misfit:
        raise Misfit("not_an_integer", "a whole number such as 12, of at most 64 bits") from None


def _read_boolean(text: str) -> bool:
    if text.casefold() in _YES:
        return True
    if text.casefold() in _NO:
        return False
    raise Misfit("not_a_boolean", "yes or no: true, false, 是, 否, 1, 0")


def _read_date(text: str) -> str:
    found = _WRITTEN_DATE.fullmatch(text)
    if not found:
        raise Misfit("not_a_date", "a date such as 2026-03-01, 2026/3/1 or 2026年3月1日")
    return _day(*map(int, found.groups()))


def _read_time(text: str, zone: str) -> str:
    found = _WRITTEN_TIME.fullmatch(text)
    if not found:
        return _datetime(text)
    day = date.fromisoformat(_read_date(found[1]))
    hour, minute, second = int(found[2]), int(found[3]), int(found[4] or 0)
    try:
        at = datetime(day.year, day.month, day.day, hour, minute, second, tzinfo=ZoneInfo(zone))
    except ValueError:
        raise Misfit("not_a_time", "a time such as 2026-03-01 09:30") from None
    return _in_utc(at)


_TAKEN: dict[FieldType, Callable[[object], Any]] = {
    "text": _text,
    "long_text": _long_text,
    "integer": _integer,
    "number": _number,
    "date": _date,
    "datetime": _datetime,
    "boolean": _boolean,
    "url": _url,
}
_READ: dict[FieldType, Callable[[str], Any]] = {
    "integer": _read_integer,
    "number": _read_number,
    "boolean": _read_boolean,
    "date": _read_date,
}
