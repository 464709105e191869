"""Calendars, profiles and absences in the directory: told on cox.org, asked by the services."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, date, datetime, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest

from shared.access import working
from shared.access.directory import TenantUnknown
from shared.access.working import Profile
from shared.contracts.org import (
    AbsenceRecorded,
    AbsenceWithdrawn,
    CalendarDefined,
    ProfileDefined,
    RepMoved,
    TenantConfigured,
    WorkedDay,
    WorkInterval,
)
from shared.database.transactions import Access, Tx
from shared.events.envelope import Undecodable
from shared.ids import new_id
from shared.worktime.calendar import Calendar, usual_calendar
from tests.integration.shared.access.test_directory import START, Org
from tests.support.bed import Bed

SHANGHAI, URUMQI = ZoneInfo("Asia/Shanghai"), ZoneInfo("Asia/Urumqi")
MORNINGS = (WorkInterval(start_minute=540, end_minute=720),)
EVENINGS = (WorkInterval(start_minute=1080, end_minute=1440),)


@pytest.fixture
async def org(bed: Bed) -> Org:
    made = Org(bed)
    await made.tell(TenantConfigured(name="t", timezone="Asia/Shanghai", currency="CNY"))
    return made


def calendar(name: str, hours: tuple[WorkInterval, ...], **more: object) -> CalendarDefined:
    given = {
        "calendar_id": new_id(), "name": name, "timezone": "Asia/Shanghai", "week": (hours,) * 7,
        "days_off": (), "worked_days": (),
    }  # fmt: skip
    return CalendarDefined.model_validate(given | more)


def defined(event: CalendarDefined, zone: ZoneInfo = SHANGHAI) -> Calendar:
    """The calendar of an event, its usual week alone."""
    week = tuple(tuple((each.start_minute, each.end_minute) for each in day) for day in event.week)
    return Calendar(zone, week)


@asynccontextmanager
async def asking(org: Org) -> AsyncIterator[Tx]:
    async with org.bed.app.transaction(Access(org.tenant)) as tx:
        yield tx


async def calendar_in(tx: Tx, org: Org, unit: UUID) -> Calendar:
    """By which somebody works who belongs to the unit."""
    user = await org.user("Somebody", unit)
    return (await working.calendars_of_users(tx, [user]))[user]


async def away(tx: Tx, users: list[UUID], at: datetime) -> set[UUID]:
    return set(await working.absences_of(tx, users, at, at + timedelta(microseconds=1)))


class TestCalendarsOfUnits:
    async def test_usual_week_in_the_tenants_zone_when_none_is_defined(self, org: Org) -> None:
        team = await org.unit("team", await org.unit("root", kind="company"))
        async with asking(org) as tx:
            assert await calendar_in(tx, org, team) == usual_calendar(SHANGHAI)

    async def test_nearest_above_counts_when_units_have_their_own(self, org: Org) -> None:
        company, regions = calendar("company", MORNINGS), calendar("region", EVENINGS)
        await org.tell(company, regions)
        root = await org.unit("root", kind="company", calendar_id=company.calendar_id)
        east = await org.unit("east", root, "region", calendar_id=regions.calendar_id)
        teams = await org.unit("a", east), await org.unit("b", root)
        async with asking(org) as tx:
            assert await calendar_in(tx, org, teams[0]) == defined(regions)
            assert await calendar_in(tx, org, teams[1]) == defined(company)

    async def test_the_one_above_counts_again_when_a_unit_gives_its_own_up(self, org: Org) -> None:
        company, own = calendar("company", MORNINGS), calendar("own", EVENINGS)
        await org.tell(company, own)
        root = await org.unit("root", kind="company", calendar_id=company.calendar_id)
        team = await org.unit("team", root, calendar_id=own.calendar_id)
        await org.unit("team", root, id_=team)
        async with asking(org) as tx:
            assert await calendar_in(tx, org, team) == defined(company)

    async def test_days_are_off_and_worked_as_told_when_a_calendar_changes(self, org: Org) -> None:
        told = calendar("c", MORNINGS)
        root = await org.unit("root", kind="company", calendar_id=told.calendar_id)
        off, worked = date(2026, 2, 16), date(2026, 2, 14)
        changed = told.model_copy(
            update={"days_off": (off,), "worked_days": (WorkedDay(day=worked, hours=EVENINGS),)}
        )
        await org.tell(told, changed)
        async with asking(org) as tx:
            found = await calendar_in(tx, org, root)
        assert found.days_off == {off}
        assert found.worked_days == {worked: ((1080, 1440),)}

    async def test_unavailable_when_the_tenant_has_not_been_told_of(self, bed: Bed) -> None:
        stranger = Org(bed)
        async with asking(stranger) as tx:
            with pytest.raises(TenantUnknown):
                await calendar_in(tx, stranger, new_id())

    @pytest.mark.parametrize(
        "wrong",
        [
            {"week": ((),) * 7},
            {"week": (MORNINGS,) * 6},
            {"timezone": "Asia/Nowhere"},
            {"timezone": "../etc/passwd"},
            {"week": ((WorkInterval(start_minute=720, end_minute=540),),) * 7},
        ],
    )
    async def test_event_is_poison_when_nobody_can_work_by_it(
        self, org: Org, wrong: dict[str, object]
    ) -> None:
        with pytest.raises(Undecodable):
            await org.tell(calendar("wrong", MORNINGS, **wrong))
        with pytest.raises(Undecodable):
            await org.tell(ProfileDefined(user_id=new_id(), timezone="Asia/Nowhere"))


class TestCalendarsOfUsers:
    async def test_own_comes_before_the_units_and_the_zone_is_ones_own_when_given(self, org: Org) -> None:
        units, own = calendar("unit's", MORNINGS), calendar("own", EVENINGS)
        await org.tell(units, own)
        root = await org.unit("root", kind="company")
        team = await org.unit("team", root, calendar_id=units.calendar_id)
        here, away, night = [await org.user(name, team) for name in ("Here", "Away", "Night")]
        alone = await org.user("Alone", root)
        await org.tell(
            ProfileDefined(user_id=away, timezone="Asia/Urumqi"),
            ProfileDefined(user_id=night, calendar_id=own.calendar_id),
            ProfileDefined(user_id=alone, timezone="Asia/Urumqi"),
        )
        async with asking(org) as tx:
            found = await working.calendars_of_users(tx, [here, away, night, alone, new_id()])
        assert found == {
            here: defined(units),
            away: defined(units, URUMQI),
            night: defined(own),
            alone: usual_calendar(URUMQI),
        }

    async def test_the_units_of_now_counts_when_a_rep_moved(self, org: Org) -> None:
        new = calendar("new", EVENINGS)
        await org.tell(new)
        root = await org.unit("root", kind="company")
        team = await org.unit("team", root, calendar_id=new.calendar_id)
        rep, later = await org.user("Rep", root), await org.user("Later", root)
        far = datetime(2190, 1, 1, tzinfo=UTC)
        for user, effective_at in ((rep, START), (later, far)):
            await org.tell(
                RepMoved(user_id=user, from_unit_id=root, to_unit_id=team, effective_at=effective_at)
            )
        async with asking(org) as tx:
            found = await working.calendars_of_users(tx, [rep, later])
        assert found == {rep: defined(new), later: usual_calendar(SHANGHAI)}


class TestProfiles:
    async def test_the_newest_counts_when_told_twice_and_an_empty_one_when_never(self, org: Org) -> None:
        rep, other = await org.user("Rep", await org.unit("root", kind="company")), new_id()
        first = ProfileDefined(user_id=rep, level="P1", capacity=60, skills=("x",))
        second = ProfileDefined(
            user_id=rep, level="P2", capacity=100, languages=("zh", "en"), territories=("上海",)
        )
        await org.tell(first, second)
        async with asking(org) as tx:
            found = await working.profiles_of(tx, [rep, other])
        assert found == {
            rep: Profile("P2", 100, frozenset(), frozenset({"zh", "en"}), frozenset({"上海"})),
            other: Profile(),
        }

    async def test_nothing_is_told_when_it_is_another_tenants(self, org: Org) -> None:
        stranger = Org(org.bed)
        theirs = new_id()
        await stranger.tell(ProfileDefined(user_id=theirs, level="P5"), absence(theirs, 0, 9))
        async with asking(org) as tx:
            assert await working.profiles_of(tx, [theirs]) == {theirs: Profile()}
            assert await away(tx, [theirs], START) == set()


def absence(user: UUID, from_hour: int, to_hour: int) -> AbsenceRecorded:
    """Hours from START."""
    return AbsenceRecorded(
        absence_id=new_id(),
        user_id=user,
        from_at=START + timedelta(hours=from_hour),
        to_at=START + timedelta(hours=to_hour),
    )


class TestAbsences:
    async def test_away_from_its_beginning_until_before_its_end_when_asked_at_a_moment(
        self, org: Org
    ) -> None:
        one, two = new_id(), new_id()
        await org.tell(absence(one, 0, 2), absence(one, 1, 3), absence(two, 3, 4))
        moments = {-1: set(), 0: {one}, 1: {one}, 2: {one}, 3: {two}, 4: set()}
        async with asking(org) as tx:
            for hour, gone in moments.items():
                at = START + timedelta(hours=hour)
                assert await away(tx, [one, two], at) == gone, hour

    async def test_those_that_touch_the_time_are_told_whole_and_in_order(self, org: Org) -> None:
        one, two = new_id(), new_id()
        told = [absence(one, 5, 9), absence(one, 0, 2), absence(one, 1, 6), absence(two, 8, 9)]
        await org.tell(*told)
        async with asking(org) as tx:
            found = await working.absences_of(
                tx, [one, two], START + timedelta(hours=2), START + timedelta(hours=8)
            )
        assert found == {one: [(each.from_at, each.to_at) for each in (told[2], told[0])]}

    async def test_there_again_when_withdrawn(self, org: Org) -> None:
        one = new_id()
        first, second = absence(one, 0, 2), absence(one, 4, 6)
        await org.tell(first, second)
        await org.tell(AbsenceWithdrawn.model_validate(first.model_dump()))
        async with asking(org) as tx:
            assert await away(tx, [one], START) == set()
            assert await away(tx, [one], START + timedelta(hours=5)) == {one}
