"""Business time against the minutes of the clock, and with the exact numbers of the scenarios."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.worktime.calendar import OFFICE, Calendar, Hours, usual_calendar
from shared.worktime.moments import (
    Absence,
    BeyondHorizonError,
    after_working,
    days_after,
    days_after_pauses,
    is_working,
    working_between,
)
from tests.unit.shared.worktime import slow

SHANGHAI = ZoneInfo("Asia/Shanghai")
CHINA_2026 = Calendar(
    SHANGHAI,
    (OFFICE,) * 5 + ((),) * 2,
    frozenset(date(2026, 2, day) for day in range(15, 24)),
    {
        date(2026, month, day): OFFICE
        for month, day in ((2, 14), (2, 28), (5, 9), (9, 20), (10, 10))
    },
)  # fmt: skip
# Zones that change at midnight, by half an hour, skip a day, pause in Ramadan, or stand off by 45 minutes.
ZONES = (
    "Asia/Shanghai", "Asia/Urumqi", "UTC", "Europe/Berlin", "America/New_York", "America/Sao_Paulo",
    "Australia/Lord_Howe", "Asia/Kathmandu", "Pacific/Apia", "Africa/Casablanca", "Asia/Tehran",
)  # fmt: skip
# About which those zones change, or the year does.
PIVOTS = (
    (2026, 2, 14), (2026, 3, 29), (2026, 10, 25), (2026, 3, 8), (2026, 11, 1), (2018, 11, 4),
    (2018, 2, 18), (2026, 4, 5), (2026, 10, 4), (2011, 12, 30), (2026, 2, 15), (2020, 3, 20),
    (2020, 9, 20), (2024, 12, 31),
)  # fmt: skip
SPAN_DAYS = 6
World = tuple[Calendar, datetime, datetime, list[Absence]]


def shanghai(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=SHANGHAI)  # type: ignore[arg-type, misc]


@st.composite
def hours(draw: st.DrawFn, least: int = 0) -> Hours:
    cuts = sorted(draw(st.sets(st.integers(0, 1440), min_size=2 * least, max_size=6)))
    return tuple(zip(cuts[::2], cuts[1::2], strict=False))


@st.composite
def worlds(draw: st.DrawFn) -> World:
    """A calendar, two moments within days of one another, absences about them."""
    pivot = datetime(*draw(st.sampled_from(PIVOTS)), tzinfo=UTC)
    seconds = st.integers(-SPAN_DAYS * 86_400, SPAN_DAYS * 86_400)
    start, end = (pivot + timedelta(seconds=draw(seconds)) for _ in range(2))
    near = st.dates((pivot - timedelta(days=9)).date(), (pivot + timedelta(days=9)).date())
    week = [draw(hours()) for _ in range(7)]
    week[draw(st.integers(0, 6))] = draw(hours(least=1))
    days_off = draw(st.frozensets(near, max_size=5))
    worked = draw(st.dictionaries(near.filter(lambda day: day not in days_off), hours(), max_size=4))
    calendar = Calendar(ZoneInfo(draw(st.sampled_from(ZONES))), tuple(week), days_off, worked)
    minutes = st.integers(-SPAN_DAYS * 1440, SPAN_DAYS * 1440)
    away = []
    for _ in range(draw(st.integers(0, 3))):
        first, second = sorted(draw(minutes) for _ in range(2))
        away.append((pivot + timedelta(minutes=first), pivot + timedelta(minutes=second)))
    return calendar, start, end, away


class TestAgainstTheClock:
    @given(worlds())
    def test_as_much_time_as_its_minutes_when_counted(self, world: World) -> None:
        calendar, start, end, absences = world
        assert working_between(calendar, start, end, absences) == slow.working_between(
            calendar, start, end, absences
        )

    @given(worlds(), st.integers(1, 30 * 3600 * 1_000_000))
    @settings(max_examples=60)
    def test_the_same_moment_as_by_its_minutes_when_added(self, world: World, wanted_us: int) -> None:
        calendar, start, _, absences = world
        a_week = sum(end - start for day in calendar.week for start, end in day)
        # As much as two usual weeks have: the slow walk ends.
        wanted = timedelta(microseconds=1 + wanted_us % (2 * a_week * 60_000_000))
        found = after_working(calendar, start, wanted, absences)
        assert found == slow.after_working(calendar, start, wanted, absences)

    @given(worlds())
    def test_the_same_when_asked_of_a_moment(self, world: World) -> None:
        calendar, start, end, absences = world
        for at in (start, end, *(moment for absence in absences for moment in absence)):
            assert is_working(calendar, at, absences) == slow.is_working(calendar, at, absences)

    @given(worlds(), st.integers(0, 20))
    def test_the_same_day_as_by_walking_when_natural_days_are_added(self, world: World, days: int) -> None:
        calendar, start, _, _ = world
        assert days_after(calendar, start, days) == slow.days_after(calendar, start, days)


def hours_from(pivot: datetime) -> st.SearchStrategy[datetime]:
    return st.integers(-20 * 24, 20 * 24).map(lambda hours: pivot + timedelta(hours=hours))


class TestPauses:
    @given(
        hours_from(datetime(2026, 2, 16, tzinfo=UTC)),
        st.integers(1, 9),
        st.lists(
            st.tuples(
                hours_from(datetime(2026, 2, 16, tzinfo=UTC)),
                st.none() | hours_from(datetime(2026, 2, 20, tzinfo=UTC)),
            ),
            max_size=4,
        ),
    )
    def test_the_same_moment_as_by_its_hours_when_days_stand_still(
        self, start: datetime, days: int, given: list[tuple[datetime, datetime | None]]
    ) -> None:
        pauses = [(from_at, to_at) for from_at, to_at in given if to_at is None or from_at < to_at]
        found = days_after_pauses(CHINA_2026, start, days, pauses)
        assert found == slow.days_after_pauses(CHINA_2026, start, days, pauses)

    @given(worlds(), st.integers(1, 20))
    def test_the_same_as_without_when_there_are_none(self, world: World, days: int) -> None:
        calendar, start, _, _ = world
        assert days_after_pauses(calendar, start, days, ()) == days_after(calendar, start, days)


YEARS = st.datetimes(
    datetime(1970, 1, 1), datetime(2150, 1, 1), timezones=st.just(UTC)  # noqa: DTZ001 - the zone follows
)  # fmt: skip


class TestOverYears:
    @given(worlds(), st.lists(YEARS, min_size=3, max_size=3))
    def test_parts_make_the_whole_when_time_is_cut(self, world: World, moments: list[datetime]) -> None:
        calendar, _, _, absences = world
        first, second, third = sorted(moments)
        parts = [working_between(calendar, *pair, absences) for pair in ((first, second), (second, third))]
        assert sum(parts, timedelta()) == working_between(calendar, first, third, absences)

    @given(worlds(), YEARS, st.timedeltas(timedelta(microseconds=1), timedelta(days=3000)))
    def test_exactly_as_much_has_passed_when_that_moment_comes(
        self, world: World, start: datetime, wanted: timedelta
    ) -> None:
        calendar, _, _, absences = world
        try:
            found = after_working(calendar, start, wanted, absences)
        except BeyondHorizonError:
            assert working_between(calendar, start, datetime(2200, 1, 1, tzinfo=UTC), absences) < wanted
            return
        a_moment_before = found - timedelta(microseconds=1)
        assert working_between(calendar, start, found, absences) == wanted
        assert working_between(calendar, start, a_moment_before, absences) < wanted


class TestScenarios:
    def test_recycled_after_the_festival_when_seven_days_pass(self) -> None:
        start = shanghai(2026, 2, 10, 10)
        due = {days: days_after(CHINA_2026, start, days) for days in (4, 5, 6, 7)}
        assert due == {
            4: shanghai(2026, 2, 14, 10),
            5: shanghai(2026, 2, 24, 10),
            6: shanghai(2026, 2, 25, 10),
            7: shanghai(2026, 2, 26, 10),
        }
        assert days_after(CHINA_2026, shanghai(2026, 2, 25, 10), 7) == shanghai(2026, 3, 4, 10)
        assert days_after(CHINA_2026, shanghai(2026, 2, 26, 10), 7) == shanghai(2026, 3, 5, 10)

    def test_counted_from_the_first_morning_after_it_when_begun_in_the_festival(self) -> None:
        begun = shanghai(2026, 2, 18, 22, 30)
        assert days_after(CHINA_2026, begun, 0) == shanghai(2026, 2, 24)
        assert days_after(CHINA_2026, begun, 1) == shanghai(2026, 2, 25)

    def test_first_answer_is_due_after_the_festival_when_the_make_up_day_ends(self) -> None:
        asked = shanghai(2026, 2, 14, 17, 50)
        due = [after_working(CHINA_2026, asked, timedelta(minutes=minutes)) for minutes in (12, 15, 75)]
        assert due == [shanghai(2026, 2, 24, 9, minute) for minute in (2, 5)] + [shanghai(2026, 2, 24, 10, 5)]
        answered = shanghai(2026, 2, 24, 9, 4)
        assert working_between(CHINA_2026, asked, answered) == timedelta(seconds=840)
        assert answered - asked == timedelta(seconds=832_440)

    def test_due_by_the_clock_of_the_zone_when_hours_are_shifted(self) -> None:
        # Work in Urumqi begins two hours later by Shanghai's clock.
        urumqi = usual_calendar(ZoneInfo("Asia/Urumqi"))
        asked = shanghai(2026, 3, 2, 9)
        assert not is_working(urumqi, asked)
        assert after_working(urumqi, asked, timedelta(minutes=15)) == shanghai(2026, 3, 2, 11, 15)


class TestEdges:
    def test_the_evening_is_due_when_the_time_is_just_enough(self) -> None:
        start = shanghai(2026, 3, 2, 17, 45)
        assert after_working(CHINA_2026, start, timedelta(minutes=15)) == shanghai(2026, 3, 2, 18)
        assert is_working(CHINA_2026, shanghai(2026, 3, 2, 9))
        assert not is_working(CHINA_2026, shanghai(2026, 3, 2, 18))

    def test_start_itself_when_no_time_is_wanted(self) -> None:
        night = shanghai(2026, 3, 2, 3)
        assert after_working(CHINA_2026, night, timedelta()) == night

    def test_nothing_when_the_end_comes_first(self) -> None:
        assert working_between(CHINA_2026, shanghai(2026, 3, 3), shanghai(2026, 3, 2)) == timedelta()

    def test_counts_twice_when_the_zone_repeats_an_hour(self) -> None:
        berlin = ZoneInfo("Europe/Berlin")
        nights = Calendar(berlin, (((60, 240),),) * 7)
        for day, worked in ((date(2026, 10, 24), 3), (date(2026, 10, 25), 4), (date(2026, 3, 29), 2)):
            midnight = datetime(day.year, day.month, day.day, tzinfo=berlin)
            noon = midnight.replace(hour=12)
            assert working_between(nights, midnight, noon) == timedelta(hours=worked)

    def test_absence_takes_its_time_out_when_in_the_way(self) -> None:
        start = shanghai(2026, 3, 2, 9)
        away = [(shanghai(2026, 3, 2, 10), shanghai(2026, 3, 3, 9, 30))]
        assert after_working(CHINA_2026, start, timedelta(hours=2), away) == shanghai(2026, 3, 3, 10, 30)
        assert working_between(CHINA_2026, start, shanghai(2026, 3, 3, 10), away) == timedelta(minutes=90)
        assert not is_working(CHINA_2026, shanghai(2026, 3, 2, 10), away)

    def test_refused_when_so_much_never_passes(self) -> None:
        rare = Calendar(SHANGHAI, (((0, 1),),) + ((),) * 6)
        with pytest.raises(BeyondHorizonError):
            after_working(rare, shanghai(2026, 3, 2), timedelta(days=30))
        away = [(shanghai(2026, 3, 2), shanghai(2199, 12, 31))]
        with pytest.raises(BeyondHorizonError):
            after_working(CHINA_2026, shanghai(2026, 3, 2), timedelta(hours=10), away)


class TestCalendar:
    @pytest.mark.parametrize(
        ("week", "days_off", "worked", "said"),
        [
            (((),) * 7, (), {date(2026, 3, 2): OFFICE}, "a week has seven days"),
            ((OFFICE,) * 6, (), {}, "a week has seven days"),
            ((OFFICE,) * 7, (date(2026, 3, 2),), {date(2026, 3, 2): OFFICE}, "both off and worked"),
            ((((600, 540),),) * 7, (), {}, "begins before it ends"),
            ((((540, 1441),),) * 7, (), {}, "begins before it ends"),
            ((((540, 720), (700, 800)),) * 7, (), {}, "when the one before it has ended"),
            ((OFFICE,) * 7, (), {date(2026, 3, 2): ((5, 5),)}, "begins before it ends"),
        ],
    )  # fmt: skip
    def test_refused_when_nobody_could_work_by_it(
        self, week: tuple[Hours, ...], days_off: tuple[date, ...], worked: dict[date, Hours], said: str
    ) -> None:
        with pytest.raises(ValueError, match=said):
            Calendar(SHANGHAI, week, frozenset(days_off), worked)

    def test_usual_week_is_monday_to_friday_when_none_is_defined(self) -> None:
        usual = usual_calendar(SHANGHAI)
        week = working_between(usual, shanghai(2026, 3, 2), shanghai(2026, 3, 9))
        assert week == timedelta(hours=45)
        assert not is_working(usual, shanghai(2026, 3, 7, 12))
