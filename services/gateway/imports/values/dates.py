"""Dates as people write them, Chinese and English, and as spreadsheets count them; never by guessing."""

from __future__ import annotations

import re
import unicodedata
from datetime import date, datetime, time, timedelta

_ISO = re.compile(r"\d{4}-\d{2}-\d{2}")
_DAY = re.compile(r"(\d{4})\s*[-/.年]\s*(\d{1,2})\s*[-/.月]\s*(\d{1,2})\s*[日号]?")
_PACKED = re.compile(r"(\d{4})(\d{2})(\d{2})")
_SHORT = re.compile(r"(\d{1,2})[-/.](\d{1,2})[-/.](\d{4})")
_SERIAL = re.compile(r"(\d{5})(?:\.(\d{1,12}))?")
_CLOCK = re.compile(
    r"(?P<half>上午|下午|中午|晚上|凌晨|早上)?\s*(?P<hour>\d{1,2})\s*(?::|时|点)\s*(?:(?P<minute>\d{1,2})\s*分?)?"
    r"\s*(?::?\s*(?P<second>\d{1,2})(?:\.\d{1,6})?\s*秒?)?\s*(?P<after>[ap]\.?m\.?)?"
)
_WEEKDAY = re.compile(
    r"[,，]?\s*[(]?(?:星期|周|礼拜)[一二三四五六日天][)]?|\b(?:mon|tues?|wed(?:nes)?|thu(?:rs)?|fri|sat(?:ur)?|sun)(?:day)?\b[,.]?"
)
_MONTHS = {
    name: number
    for number, names in enumerate(
        ("jan january", "feb february", "mar march", "apr april", "may", "jun june", "jul july", "aug august",
         "sep sept september", "oct october", "nov november", "dec december"), start=1
    )
    for name in names.split()
}  # fmt: skip
_WORD = "|".join(sorted(_MONTHS, key=len, reverse=True))
_ENGLISH = (
    re.compile(rf"(?P<month>{_WORD})\.?\s+(?P<day>\d{{1,2}})(?:st|nd|rd|th)?,?\s+(?P<year>\d{{4}})"),
    re.compile(rf"(?P<day>\d{{1,2}})(?:st|nd|rd|th)?[\s-]+(?P<month>{_WORD})\.?,?[\s-]+(?P<year>\d{{4}})"),
)
_EPOCH = datetime(1899, 12, 30)  # noqa: DTZ001 - a day as a spreadsheet counts it, in nobody's zone
_SERIALS = range(32_874, 73_416)
"""1990 to 2100: what else has five digits is no date."""


class UnclearDate(ValueError):
    """Why a text is no date, as a sentence."""


def read_date(text: str) -> date | datetime:
    """The day, or the moment where it tells the time (with its zone only where it is written).

    :raises UnclearDate: no such day, no date at all, or one that can be read in two ways.
    """
    if _ISO.fullmatch(text):
        return _day(*map(int, text.split("-")))
    plain = _WEEKDAY.sub(" ", unicodedata.normalize("NFKC", text).strip().lower()).strip()
    if (stamp := _stamp(plain)) is not None:
        return stamp
    if serial := _SERIAL.fullmatch(plain):
        return _counted(serial)
    day, rest = _leading_day(plain)
    rest = rest.strip(" ,t")
    return day if not rest else datetime.combine(day, _clock(rest))


def _stamp(plain: str) -> datetime | None:
    """ISO 8601 with a time, as programs write it."""
    if len(plain) < 16 or not _ISO.match(plain):
        return None
    try:
        return datetime.fromisoformat(plain.upper())
    except ValueError:
        return None


def _leading_day(plain: str) -> tuple[date, str]:
    for pattern in (_DAY, _PACKED):
        if found := pattern.match(plain):
            if pattern is _PACKED and plain[8:9].isdigit():
                continue
            return _day(*map(int, found.groups())), plain[found.end() :]
    for pattern in _ENGLISH:
        if found := pattern.match(plain):
            day = _day(int(found["year"]), _MONTHS[found["month"]], int(found["day"]))
            return day, plain[found.end() :]
    if found := _SHORT.match(plain):
        first, second, year = map(int, found.groups())
        return _unambiguous(first, second, year), plain[found.end() :]
    raise UnclearDate("it is no date, such as 2025-02-03, 2025/2/3 or 2025年2月3日")


def _unambiguous(first: int, second: int, year: int) -> date:
    """Day and month in either order, where only one of the orders is possible."""
    if first <= 12 and second <= 12 and first != second:
        raise UnclearDate(
            "day and month can be read in either order: name the format in the mapping's `dates`"
        )
    return _day(year, second, first) if first > 12 else _day(year, first, second)


def _day(year: int, month: int, day: int) -> date:
    try:
        return date(year, month, day)
    except ValueError:
        raise UnclearDate("there is no such day") from None


def _counted(serial: re.Match[str]) -> date | datetime:
    days = int(serial[1])
    if days not in _SERIALS:
        raise UnclearDate(
            "it is no date, such as 2025-02-03; nor one of 1990 to 2100 as spreadsheets count days"
        )
    whole = _EPOCH + timedelta(days=days)
    if not serial[2]:
        return whole.date()
    seconds = round(float(f"0.{serial[2]}") * 86_400)
    return whole + timedelta(seconds=seconds)


def _clock(text: str) -> time:
    found = _CLOCK.fullmatch(text)
    if found is None:
        raise UnclearDate(f"behind the day stands {text[:20]!r}, which is no time such as 14:30")
    hour = int(found["hour"])
    late = (found["half"] in ("下午", "晚上")) or (found["after"] or "").startswith("p")
    early = found["half"] in ("上午", "凌晨", "早上") or (found["after"] or "").startswith("a")
    if late and hour < 12:
        hour += 12
    elif early and hour == 12:
        hour = 0
    try:
        return time(hour, int(found["minute"] or 0), int(found["second"] or 0))
    except ValueError:
        raise UnclearDate(f"{text[:20]!r} is no time of day") from None
