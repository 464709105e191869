"""Stretches of one offset, against the zones themselves."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo, available_timezones

from hypothesis import example, given
from hypothesis import strategies as st

from shared.worktime.zones import microseconds_of, moment_of, offset_at, spans

ZONES = st.sampled_from(sorted(available_timezones())).map(ZoneInfo)
MOMENTS = st.datetimes(
    datetime(1900, 1, 2), datetime(2199, 1, 1), timezones=st.just(UTC)  # noqa: DTZ001 - the zone follows
)  # fmt: skip
RAMADAN = datetime(2026, 2, 10, tzinfo=UTC)


class TestSpans:
    @given(ZONES, MOMENTS, st.timedeltas(timedelta(), timedelta(days=900)), st.floats(0, 1))
    @example(ZoneInfo("Africa/Casablanca"), RAMADAN, timedelta(days=60), 0.1)
    @example(ZoneInfo("Pacific/Apia"), datetime(2011, 12, 1, tzinfo=UTC), timedelta(days=31), 0.99)
    def test_each_has_the_offset_of_its_moments_and_they_join_to_the_whole(
        self, zone: ZoneInfo, start: datetime, length: timedelta, share: float
    ) -> None:
        begin, end = microseconds_of(start), microseconds_of(start + length)
        found = list(spans(zone, begin, end))
        assert [to for _, to, _ in found][-1:] == ([end] if begin < end else [])
        assert [from_ for from_, _, _ in found][:1] == ([begin] if begin < end else [])
        assert all(first[1] == second[0] for first, second in pairwise(found))
        for from_, to, offset in found:
            for at in (from_, from_ + int((to - 1 - from_) * share), to - 1):
                assert offset_at(zone, at) == offset, (moment_of(at), found)

    @given(MOMENTS)
    def test_a_moment_is_itself_again_when_turned_into_a_number(self, moment: datetime) -> None:
        assert moment_of(microseconds_of(moment)) == moment
