"""What a calendar may look like, and where it is at fault."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from typing import Any
from uuid import UUID

import pytest

from services.gateway.calendars.rules import (
    BadCalendar,
    UnknownTimezone,
    WorkCalendar,
    WorkedDay,
    check_calendar,
    check_timezone,
    hours_of,
)
from shared.worktime.calendar import OFFICE

NOTHING: tuple[tuple[int, int], ...] = ()
GOOD = WorkCalendar(
    id=UUID(int=1),
    name="2026",
    timezone="Asia/Shanghai",
    week=(OFFICE,) * 5 + (NOTHING,) * 2,
    days_off=(date(2026, 2, 15), date(2026, 2, 16)),
    worked_days=(WorkedDay(date(2026, 2, 14), None), WorkedDay(date(2026, 2, 28), ((540, 720),))),
    active=True,
    version=1,
)


class TestCheckCalendar:
    def test_taken_when_somebody_could_work_by_it(self) -> None:
        check_calendar(GOOD)

    @pytest.mark.parametrize(
        ("change", "faults"),
        [
            ({"week": (NOTHING,) * 7, "worked_days": ()}, {"/week": "no_working_time"}),
            (
                {"week": (OFFICE, ((600, 540),), ((540, 720), (700, 900)), *(NOTHING,) * 4)},
                {"/week/tuesday/0": "bad_interval", "/week/wednesday/1": "bad_interval"},
            ),
            (
                {"worked_days": (WorkedDay(date(2026, 2, 15), None), WorkedDay(date(2026, 3, 1), ((9, 9),)))},
                {"/worked_days/0/day": "off_and_worked", "/worked_days/1/hours/0": "bad_interval"},
            ),
            ({"days_off": (date(2026, 5, 1), date(2026, 5, 1))}, {"/days_off/1": "repeated_day"}),
            (
                {"worked_days": (WorkedDay(date(2026, 5, 9), OFFICE), WorkedDay(date(2026, 5, 9), None))},
                {"/worked_days/1/day": "repeated_day"},
            ),
            (
                {"week": (NOTHING, OFFICE, *(NOTHING,) * 5)},
                {"/worked_days/0/hours": "required"},
            ),
        ],
    )
    def test_names_every_place_when_nobody_could(
        self, change: dict[str, Any], faults: dict[str, str]
    ) -> None:
        with pytest.raises(BadCalendar) as refused:
            check_calendar(replace(GOOD, **change))
        assert {error.pointer: error.code for error in refused.value.errors} == faults

    def test_what_is_near_is_named_when_the_zone_is_unknown(self) -> None:
        with pytest.raises(UnknownTimezone) as refused:
            check_calendar(replace(GOOD, timezone="Asia/Shanghia"))
        assert refused.value.errors[0].pointer == "/timezone"
        assert "Asia/Shanghai" in refused.value.detail

    @pytest.mark.parametrize("name", ["localtime", "Factory", "../etc/passwd", "CST8", "asia/shanghai"])
    def test_refused_when_a_zone_is_none_of_the_databases(self, name: str) -> None:
        with pytest.raises(UnknownTimezone):
            check_timezone(name, "/timezone")


class TestHoursOf:
    def test_as_mondays_when_none_are_given(self) -> None:
        assert [hours_of(GOOD, worked) for worked in GOOD.worked_days] == [OFFICE, ((540, 720),)]
