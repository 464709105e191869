"""What the calendars' routes take and give."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Annotated, Any
from uuid import UUID

from pydantic import Field, StringConstraints

from services.gateway.calendars.rules import WEEKDAYS, WorkCalendar, WorkedDay
from shared.web.wire import Day, Id, Line, WireModel
from shared.worktime.calendar import Hours

Name = Annotated[str, Line(200)]
TimezoneName = Annotated[str, StringConstraints(min_length=1, max_length=64)]
ClockTime = Annotated[
    str,
    Field(
        pattern="^(([01][0-9]|2[0-3]):[0-5][0-9]|24:00)$",
        description="Local time of day, `09:00`; `24:00` ends a day.",
        examples=["09:00"],
    ),
]


class IntervalBody(WireModel):
    """Working time from `start` until `end` of one day; what goes past midnight is two of them."""

    start: ClockTime
    end: ClockTime


HoursBody = Annotated[list[IntervalBody], Field(max_length=24)]


class WeekBody(WireModel):
    """The usual hours of each day; nobody works on days without any."""

    monday: HoursBody = Field(default_factory=list)
    tuesday: HoursBody = Field(default_factory=list)
    wednesday: HoursBody = Field(default_factory=list)
    thursday: HoursBody = Field(default_factory=list)
    friday: HoursBody = Field(default_factory=list)
    saturday: HoursBody = Field(default_factory=list)
    sunday: HoursBody = Field(default_factory=list)

    def hours(self) -> tuple[Hours, ...]:
        return tuple(_hours(getattr(self, weekday)) for weekday in WEEKDAYS)


class WorkedDayBody(WireModel):
    """A make-up workday (调休), or a day of other hours than usual. Without `hours`: those of Mondays."""

    day: Day
    hours: HoursBody | None = None

    def worked(self) -> WorkedDay:
        return WorkedDay(self.day, None if self.hours is None else _hours(self.hours))


Days = Annotated[list[Day], Field(max_length=1000)]
WorkedDays = Annotated[list[WorkedDayBody], Field(max_length=1000)]


class CalendarIn(WireModel):
    """`days_off` are statutory holidays: no working time, and natural days that do not count either."""

    name: Name
    timezone: TimezoneName
    week: WeekBody
    days_off: Days = Field(default_factory=list)
    worked_days: WorkedDays = Field(default_factory=list)

    def calendar(self, id_: UUID) -> WorkCalendar:
        return WorkCalendar(
            id=id_,
            name=self.name,
            timezone=self.timezone,
            week=self.week.hours(),
            days_off=tuple(self.days_off),
            worked_days=tuple(each.worked() for each in self.worked_days),
            active=True,
            version=0,
        )


class CalendarChange(WireModel):
    """Only what is given changes; `week`, `days_off` and `worked_days` are replaced as a whole."""

    name: Name | None = None
    timezone: TimezoneName | None = None
    week: WeekBody | None = None
    days_off: Days | None = None
    worked_days: WorkedDays | None = None
    active: bool | None = None

    def changes(self) -> Mapping[str, Any]:
        """What is given, named and typed as in WorkCalendar."""
        given: dict[str, Any] = {
            "name": self.name,
            "timezone": self.timezone,
            "week": None if self.week is None else self.week.hours(),
            "days_off": None if self.days_off is None else tuple(self.days_off),
            "worked_days": (
                None if self.worked_days is None else tuple(each.worked() for each in self.worked_days)
            ),
            "active": self.active,
        }
        return {name: value for name, value in given.items() if value is not None}


class CalendarOut(WireModel):
    id: Id
    name: str
    timezone: str
    week: WeekBody
    days_off: list[Day]
    worked_days: list[WorkedDayBody]
    active: bool
    version: int

    @classmethod
    def of(cls, calendar: WorkCalendar) -> CalendarOut:
        week = {day: _shown(hours) for day, hours in zip(WEEKDAYS, calendar.week, strict=True)}
        return cls(
            id=calendar.id,
            name=calendar.name,
            timezone=calendar.timezone,
            week=WeekBody(**week),
            days_off=list(calendar.days_off),
            worked_days=[
                WorkedDayBody(day=each.day, hours=None if each.hours is None else _shown(each.hours))
                for each in calendar.worked_days
            ],
            active=calendar.active,
            version=calendar.version,
        )


def _hours(intervals: Iterable[IntervalBody]) -> Hours:
    return tuple((_minutes(each.start), _minutes(each.end)) for each in intervals)


def _minutes(time: str) -> int:
    return int(time[:2]) * 60 + int(time[3:])


def _shown(hours: Hours) -> list[IntervalBody]:
    return [IntervalBody(start=_clock(start), end=_clock(end)) for start, end in hours]


def _clock(minutes: int) -> str:
    return f"{minutes // 60:02}:{minutes % 60:02}"
