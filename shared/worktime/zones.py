"""Moments as numbers, and the stretches of time in which a zone keeps its distance from UTC."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from shared.worktime.counting import DAY, FIRST_MONDAY

_EPOCH = datetime.fromordinal(FIRST_MONDAY).replace(tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_SECOND = 1_000_000


def microseconds_of(moment: datetime) -> int:
    """Since 1970-01-05T00:00Z, a Monday."""
    return (moment - _EPOCH) // _MICROSECOND


def moment_of(microseconds: int) -> datetime:
    """The other way round, in UTC."""
    return _EPOCH + timedelta(microseconds=microseconds)


def offset_at(zone: ZoneInfo, moment: int) -> int:
    """Microseconds that local time is ahead of UTC."""
    offset = moment_of(moment).astimezone(zone).utcoffset()
    assert offset is not None  # noqa: S101 - every zone of the database has one at every moment
    return offset // _MICROSECOND


def spans(zone: ZoneInfo, start: int, end: int) -> Iterator[tuple[int, int, int]]:
    """The time from `start` to `end` cut where the zone's offset changes: from, to, offset."""
    for year in range(moment_of(start).year, moment_of(end).year + 1):
        for from_, to, offset in _spans_of_year(zone, year):
            if from_ < end and start < to:
                yield max(from_, start), min(to, end), offset


@lru_cache(maxsize=4096)
def _spans_of_year(zone: ZoneInfo, year: int) -> tuple[tuple[int, int, int], ...]:
    """Found by looking at each day: no zone has changed its offset twice within one."""
    begin, end = (microseconds_of(datetime(each, 1, 1, tzinfo=UTC)) for each in (year, year + 1))
    found: list[tuple[int, int, int]] = []
    from_, offset = begin, offset_at(zone, begin)
    for day in range(begin, end, DAY):
        next_day = min(day + DAY, end - _SECOND)
        if offset_at(zone, next_day) != offset:
            change = _first_other(zone, day, next_day, offset)
            found.append((from_, change, offset))
            from_, offset = change, offset_at(zone, change)
    return (*found, (from_, end, offset))


def _first_other(zone: ZoneInfo, same: int, other: int, offset: int) -> int:
    """The second at which the offset is no longer this one."""
    while other - same > _SECOND:
        middle = same + (other - same) // 2 // _SECOND * _SECOND
        if offset_at(zone, middle) == offset:
            same = middle
        else:
            other = middle
    return other
