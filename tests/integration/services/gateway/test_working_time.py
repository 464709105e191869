"""Calendars, profiles and absences through their routes: what is told, what is refused, and who may."""

from __future__ import annotations

from typing import Any
from uuid import UUID, uuid4

import orjson
import pytest

from shared.contracts.org import (
    AbsenceRecorded,
    AbsenceWithdrawn,
    CalendarDefined,
    ProfileDefined,
    UnitDefined,
)
from shared.database.transactions import Access, Database
from tests.integration.services.gateway.conftest import Client, Tenant

OFFICE = [{"start": "09:00", "end": "18:00"}]
CHINA = {
    "name": "中国 2026",
    "timezone": "Asia/Shanghai",
    "week": dict.fromkeys(("monday", "tuesday", "wednesday", "thursday", "friday"), OFFICE),
    "days_off": [f"2026-02-{day}" for day in range(15, 24)],
    "worked_days": [
        {"day": "2026-02-14"},
        {"day": "2026-02-28", "hours": [{"start": "09:00", "end": "12:00"}]},
    ],
}
CALENDARS = "/v1/org/calendars"


async def newest(worker: Database, tenant: Tenant) -> tuple[str, dict[str, Any]]:
    """Type and payload of the tenant's newest org event."""
    async with worker.transaction(Access(tenant.id)) as tx:
        row = await tx.connection.fetchrow(
            "select type, payload from events where tenant_id = $1 and aggregate_id = $1"
            " order by id desc limit 1",
            tenant.id,
        )
    assert row is not None
    return row["type"], orjson.loads(row["payload"])


async def defined(tenant: Tenant, **more: Any) -> dict[str, Any]:
    answer = await tenant.admin("POST", CALENDARS, CHINA | more)
    assert answer.status == 201, answer
    found: dict[str, Any] = answer.json()
    return found


def pointers(answer: Any) -> dict[str, str]:
    return {error["pointer"]: error["code"] for error in answer.json()["errors"]}


class TestCalendars:
    async def test_told_whole_when_defined(self, tenant: Tenant, worker: Database) -> None:
        made = await defined(tenant)
        kind, told = await newest(worker, tenant)
        assert (kind, told["calendar_id"]) == (CalendarDefined.type_name(), made["id"])
        office = [{"start_minute": 540, "end_minute": 1080}]
        assert told["week"] == [office] * 5 + [[], []]
        assert told["days_off"] == CHINA["days_off"]
        morning = [{"start_minute": 540, "end_minute": 720}]
        assert told["worked_days"] == [
            {"day": "2026-02-14", "hours": office}, {"day": "2026-02-28", "hours": morning}
        ]  # fmt: skip

    async def test_read_as_it_was_given_when_asked_for(self, tenant: Tenant) -> None:
        made = await defined(tenant)
        found = await tenant.admin("GET", f"{CALENDARS}/{made['id']}")
        assert found.json() == made
        week = made["week"]
        assert (week["monday"], week["sunday"], made["worked_days"][0]["hours"]) == (OFFICE, [], None)
        tag = found.headers["etag"]
        assert (await tenant.admin("GET", f"{CALENDARS}/{made['id']}", if_none_match=tag)).status == 304
        listed = (await tenant.admin("GET", f"{CALENDARS}?active=true")).json()["items"]
        assert listed == [made]

    async def test_pages_join_to_the_whole_when_followed(self, tenant: Tenant) -> None:
        made = [(await defined(tenant, name=f"c{n}"))["id"] for n in range(3)]
        first = (await tenant.admin("GET", f"{CALENDARS}?limit=2")).json()
        rest = (await tenant.admin("GET", f"{CALENDARS}?limit=2&cursor={first['next_cursor']}")).json()
        assert [item["id"] for item in first["items"] + rest["items"]] == made
        assert rest["next_cursor"] is None

    @pytest.mark.parametrize(
        ("change", "code", "where"),
        [
            ({"week": {}, "worked_days": []}, "bad_calendar", {"/week": "no_working_time"}),
            (
                {"week": {"monday": OFFICE, "friday": [{"start": "18:00", "end": "09:00"}]}},
                "bad_calendar",
                {"/week/friday/0": "bad_interval"},
            ),
            (
                {"worked_days": [{"day": "2026-02-15"}]},
                "bad_calendar",
                {"/worked_days/0/day": "off_and_worked"},
            ),
            ({"timezone": "Asia/Bejing"}, "unknown_timezone", {"/timezone": "unknown_timezone"}),
            (
                {"week": {"monday": [{"start": "9:00", "end": "24:30"}]}},
                "invalid_request",
                {"/week/monday/0/start": "bad_format", "/week/monday/0/end": "bad_format"},
            ),
            ({"week": {"mon": OFFICE}}, "invalid_request", {"/week/mon": "unknown_field"}),
            ({"days_off": ["2026-02-30"]}, "invalid_request", {"/days_off/0": "bad_value"}),
        ],
    )
    async def test_place_and_reason_are_named_when_wrong(
        self, tenant: Tenant, change: dict[str, Any], code: str, where: dict[str, str]
    ) -> None:
        answer = await tenant.admin("POST", CALENDARS, CHINA | change)
        assert (answer.status, answer.code) == (422, code)
        assert pointers(answer) == where
        assert (await tenant.admin("GET", CALENDARS)).json()["items"] == []

    async def test_refused_when_another_has_the_name(self, tenant: Tenant) -> None:
        await defined(tenant)
        answer = await tenant.admin("POST", CALENDARS, CHINA)
        assert (answer.status, answer.code) == (409, "calendar_name_taken")
        assert pointers(answer) == {"/name": "calendar_name_taken"}

    async def test_changed_in_what_is_given_when_the_version_matches_only(
        self, tenant: Tenant, worker: Database
    ) -> None:
        made = await defined(tenant)
        target, tag = f"{CALENDARS}/{made['id']}", f'"{made["version"]}"'
        night = [{"start": "22:00", "end": "24:00"}]
        answer = await tenant.admin("PATCH", target, {"week": {"monday": night}}, if_match=tag)
        assert answer.status == 200
        assert answer.json()["week"] == {day: [] for day in made["week"]} | {"monday": night}
        assert answer.json()["days_off"] == made["days_off"]
        kind, told = await newest(worker, tenant)
        assert (kind, told["week"][0]) == (
            CalendarDefined.type_name(), [{"start_minute": 1320, "end_minute": 1440}]
        )  # fmt: skip
        late = await tenant.admin("PATCH", target, {"name": "late"}, if_match=tag)
        assert (late.status, late.code) == (412, "version_changed")
        worse = await tenant.admin("PATCH", target, {"week": {}})
        assert (worse.status, worse.code) == (422, "bad_calendar")

    async def test_version_stays_when_nothing_changes(self, tenant: Tenant) -> None:
        made = await defined(tenant)
        same = await tenant.admin("PATCH", f"{CALENDARS}/{made['id']}", CHINA)
        assert (same.status, same.json()) == (200, made)

    async def test_stays_active_when_somebody_works_by_it(self, tenant: Tenant) -> None:
        made = await defined(tenant)
        target = f"{CALENDARS}/{made['id']}"
        team = await tenant.unit("Team")
        user = await tenant.user("lin", team)
        unit, person = f"/v1/org/units/{team}", f"/v1/org/users/{user['id']}"
        await tenant.admin("PATCH", unit, {"calendar_id": made["id"]})
        assert (await tenant.admin("PATCH", target, {"active": False})).code == "calendar_in_use"
        await tenant.admin("PUT", f"{person}/profile", {"calendar_id": made["id"]})
        await tenant.admin("PATCH", unit, {"calendar_id": None})
        assert (await tenant.admin("PATCH", target, {"active": False})).code == "calendar_in_use"
        await tenant.admin("PATCH", person, {"active": False})
        answer = await tenant.admin("PATCH", target, {"active": False})
        assert (answer.status, answer.json()["active"]) == (200, False)

    async def test_forbidden_or_not_found_when_not_ones_own(
        self, tenant: Tenant, other_tenant: Tenant
    ) -> None:
        made = await defined(tenant)
        await tenant.user("lin", await tenant.root(), "manager")
        client = await tenant.client("lin")
        assert (await client("GET", f"{CALENDARS}/{made['id']}")).status == 200
        assert (await client("POST", CALENDARS, CHINA)).code == "missing_scope"
        for method, body in (("GET", None), ("PATCH", {"name": "mine"})):
            answer = await other_tenant.admin(method, f"{CALENDARS}/{made['id']}", body)
            assert answer.status == 404
        assert (await other_tenant.admin("GET", CALENDARS)).json()["items"] == []


class TestCalendarsOfUnits:
    async def test_unit_works_by_its_own_when_given_one(self, tenant: Tenant, worker: Database) -> None:
        made = await defined(tenant)
        body = {
            "kind": "team", "name": "A", "code": "A", "parent_id": await tenant.root(),
            "calendar_id": made["id"],
        }  # fmt: skip
        unit = (await tenant.admin("POST", "/v1/org/units", body)).json()
        assert unit["calendar_id"] == made["id"]
        kind, told = await newest(worker, tenant)
        assert (kind, told["calendar_id"]) == (UnitDefined.type_name(), made["id"])
        renamed = await tenant.admin("PATCH", f"/v1/org/units/{unit['id']}", {"name": "B"})
        assert renamed.json()["calendar_id"] == made["id"]
        without = await tenant.admin("PATCH", f"/v1/org/units/{unit['id']}", {"calendar_id": None})
        assert without.json()["calendar_id"] is None
        assert (await newest(worker, tenant))[1]["calendar_id"] is None

    async def test_refused_when_the_calendar_is_unknown_or_inactive(
        self, tenant: Tenant, other_tenant: Tenant
    ) -> None:
        team = await tenant.unit("Team")
        gone, foreign = await defined(tenant), await defined(other_tenant)
        await tenant.admin("PATCH", f"{CALENDARS}/{gone['id']}", {"active": False})
        for calendar_id in (gone["id"], foreign["id"], str(uuid4())):
            answer = await tenant.admin("PATCH", f"/v1/org/units/{team}", {"calendar_id": calendar_id})
            assert (answer.status, answer.code) == (422, "unknown_calendar")
            assert pointers(answer) == {"/calendar_id": "unknown_calendar"}


class TestProfiles:
    async def test_empty_until_something_is_said(self, tenant: Tenant) -> None:
        user = await tenant.user("lin", await tenant.root())
        found = await tenant.admin("GET", f"/v1/org/users/{user['id']}/profile")
        assert found.headers["etag"] == '"0"'
        assert found.json() == {
            "user_id": user["id"], "level": None, "capacity": None, "skills": [], "languages": [],
            "territories": [], "timezone": None, "calendar_id": None, "version": 0,
        }  # fmt: skip

    async def test_replaced_whole_when_the_version_matches_only(
        self, tenant: Tenant, worker: Database
    ) -> None:
        user = await tenant.user("lin", await tenant.root())
        calendar = await defined(tenant)
        target = f"/v1/org/users/{user['id']}/profile"
        body = {
            "level": "P2", "capacity": 100, "skills": ["SaaS", "SaaS"], "languages": ["zh", "en-GB"],
            "territories": ["上海"], "timezone": "Asia/Urumqi", "calendar_id": calendar["id"],
        }  # fmt: skip
        first = await tenant.admin("PUT", target, body, if_match='"0"')
        assert (first.status, first.json()["skills"]) == (200, ["SaaS"])
        kind, told = await newest(worker, tenant)
        assert kind == ProfileDefined.type_name()
        assert told == body | {"skills": ["SaaS"], "user_id": user["id"]}
        again = await tenant.admin("PUT", target, body)
        assert again.json() == first.json()
        second = await tenant.admin("PUT", target, {"level": "P3"}, if_match=first.headers["etag"])
        assert (second.json()["level"], second.json()["capacity"]) == ("P3", None)
        assert second.json()["version"] > first.json()["version"]
        late = await tenant.admin("PUT", target, {"level": "P1"}, if_match=first.headers["etag"])
        assert late.status == 412
        found = await tenant.admin("GET", target)
        assert found.json() == second.json()

    @pytest.mark.parametrize(
        ("body", "code", "where"),
        [
            ({"timezone": "Urumqi"}, "unknown_timezone", {"/timezone": "unknown_timezone"}),
            ({"calendar_id": str(uuid4())}, "unknown_calendar", {"/calendar_id": "unknown_calendar"}),
            ({"capacity": -1}, "invalid_request", {"/capacity": "out_of_range"}),
            ({"capacity": 1.5}, "invalid_request", {"/capacity": "wrong_type"}),
            ({"level": "高级"}, "invalid_request", {"/level": "bad_format"}),
            ({"languages": ["Chinese"]}, "invalid_request", {"/languages/0": "bad_format"}),
            ({"user_id": str(uuid4())}, "invalid_request", {"/user_id": "unknown_field"}),
        ],
    )
    async def test_place_and_reason_are_named_when_wrong(
        self, tenant: Tenant, body: dict[str, Any], code: str, where: dict[str, str]
    ) -> None:
        user = await tenant.user("lin", await tenant.root())
        answer = await tenant.admin("PUT", f"/v1/org/users/{user['id']}/profile", body)
        assert (answer.status, answer.code) == (422, code)
        assert pointers(answer) == where

    async def test_seen_by_those_who_see_the_user_and_written_by_few(
        self, tenant: Tenant, other_tenant: Tenant
    ) -> None:
        one, two = await tenant.unit("One"), await tenant.unit("Two")
        user, other = await tenant.user("rep1", one), await tenant.user("rep2", two)
        client = await tenant.client("rep1")
        target = f"/v1/org/users/{user['id']}/profile"
        assert (await client("GET", target)).status == 200
        assert (await client("PUT", target, {"capacity": 1000})).code == "missing_scope"
        assert (await client("GET", f"/v1/org/users/{other['id']}/profile")).status == 404
        assert (await other_tenant.admin("GET", target)).status == 404
        assert (await other_tenant.admin("PUT", target, {})).status == 404


LEAVE = {"kind": "leave", "from_at": "2026-02-10T01:00:00Z", "to_at": "2026-02-12T10:00:00Z"}


class TestAbsences:
    async def test_told_without_its_kind_when_recorded(self, tenant: Tenant, worker: Database) -> None:
        user = await tenant.user("lin", await tenant.root())
        client = await tenant.client("lin")
        target = f"/v1/org/users/{user['id']}/absences"
        answer = await client("POST", target, LEAVE)
        assert (answer.status, answer.json()["kind"]) == (201, "leave")
        assert answer.json()["recorded_by"] == user["id"]
        kind, told = await newest(worker, tenant)
        assert kind == AbsenceRecorded.type_name()
        assert told == {
            "absence_id": answer.json()["id"], "user_id": user["id"], "from_at": LEAVE["from_at"],
            "to_at": LEAVE["to_at"],
        }  # fmt: skip

    async def test_listed_the_last_first_and_gone_when_withdrawn(
        self, tenant: Tenant, worker: Database
    ) -> None:
        user = await tenant.user("lin", await tenant.root())
        target = f"/v1/org/users/{user['id']}/absences"
        made = []
        for day in (1, 3, 2):
            times = {"from_at": f"2026-03-0{day}T00:00:00Z", "to_at": "2026-03-09T00:00:00Z"}
            made.append((await tenant.admin("POST", target, {"kind": "training"} | times)).json())
        first = (await tenant.admin("GET", f"{target}?limit=2")).json()
        rest = (await tenant.admin("GET", f"{target}?limit=2&cursor={first['next_cursor']}")).json()
        assert first["items"] + rest["items"] == [made[1], made[2], made[0]]
        gone = await tenant.admin("DELETE", f"{target}/{made[1]['id']}")
        assert (gone.status, gone.body) == (204, b"")
        kind, told = await newest(worker, tenant)
        assert (kind, told["absence_id"]) == (AbsenceWithdrawn.type_name(), made[1]["id"])
        assert (await tenant.admin("GET", target)).json()["items"] == [made[2], made[0]]
        assert (await tenant.admin("DELETE", f"{target}/{made[1]['id']}")).status == 404

    async def test_refused_when_the_same_is_recorded_twice_and_not_when_they_overlap(
        self, tenant: Tenant
    ) -> None:
        user = await tenant.user("lin", await tenant.root())
        target = f"/v1/org/users/{user['id']}/absences"
        first = await tenant.admin("POST", target, LEAVE, idempotency_key="k1")
        assert (await tenant.admin("POST", target, LEAVE, idempotency_key="k1")).json() == first.json()
        again = await tenant.admin("POST", target, LEAVE | {"kind": "other"})
        assert (again.status, again.code) == (409, "already_absent")
        overlapping = await tenant.admin("POST", target, LEAVE | {"to_at": "2026-02-13T10:00:00Z"})
        assert overlapping.status == 201

    @pytest.mark.parametrize(
        ("change", "code", "where"),
        [
            ({"to_at": LEAVE["from_at"]}, "absence_ends_first", {"/to_at": "absence_ends_first"}),
            ({"kind": "sick"}, "invalid_request", {"/kind": "unknown_value"}),
            ({"from_at": "2026-02-10"}, "invalid_request", {"/from_at": "bad_time"}),
            ({"reason": "flu"}, "invalid_request", {"/reason": "unknown_field"}),
        ],
    )
    async def test_place_and_reason_are_named_when_wrong(
        self, tenant: Tenant, change: dict[str, Any], code: str, where: dict[str, str]
    ) -> None:
        user = await tenant.user("lin", await tenant.root())
        answer = await tenant.admin("POST", f"/v1/org/users/{user['id']}/absences", LEAVE | change)
        assert (answer.status, answer.code) == (422, code)
        assert pointers(answer) == where

    async def test_refused_when_the_user_has_left(self, tenant: Tenant) -> None:
        user = await tenant.user("lin", await tenant.root())
        await tenant.admin("PATCH", f"/v1/org/users/{user['id']}", {"active": False})
        answer = await tenant.admin("POST", f"/v1/org/users/{user['id']}/absences", LEAVE)
        assert (answer.status, answer.code) == (409, "user_inactive")

    async def test_of_others_are_their_leaders_to_record(self, tenant: Tenant) -> None:
        north = await tenant.unit("North", kind="region")
        one, two = await tenant.unit("One", north), await tenant.unit("Two")
        for name, unit, role in (
            ("manager", north, "manager"), ("supervisor", one, "supervisor"), ("finance", north, "finance"),
            ("rep1", one, "rep"), ("rep2", two, "rep"),
        ):  # fmt: skip
            await tenant.user(name, unit, role)
        ids = {user["display_name"]: user["id"] for user in await _users(tenant)}
        # A rep who was let see the team leads nobody for that.
        await tenant.admin("PATCH", f"/v1/org/users/{ids['rep1']}", {"visibility": "subtree"})
        told = {
            (who, of): await _recorded(await tenant.client(who), ids[of], number)
            for number, (who, of) in enumerate(
                [("manager", "rep1"), ("supervisor", "rep1"), ("rep1", "rep1"), ("finance", "finance"),
                 ("manager", "rep2"), ("rep2", "rep1"), ("rep1", "supervisor"), ("finance", "rep2")]
            )
        }  # fmt: skip
        assert told == {
            ("manager", "rep1"): 201,
            ("supervisor", "rep1"): 201,
            ("rep1", "rep1"): 201,
            ("finance", "finance"): 201,
            ("manager", "rep2"): 404,
            ("rep2", "rep1"): 404,
            ("rep1", "supervisor"): "not_their_manager",
            ("finance", "rep2"): "not_their_manager",
        }

    async def test_neither_read_nor_withdrawn_when_out_of_sight(
        self, tenant: Tenant, other_tenant: Tenant
    ) -> None:
        one, two = await tenant.unit("One"), await tenant.unit("Two")
        rep, other = await tenant.user("rep1", one), await tenant.user("rep2", two)
        mine, theirs = (f"/v1/org/users/{user['id']}/absences" for user in (rep, other))
        absence = (await tenant.admin("POST", theirs, LEAVE)).json()["id"]
        client = await tenant.client("rep1")
        assert (await client("GET", theirs)).status == 404
        for target in (f"{theirs}/{absence}", f"{mine}/{absence}"):
            assert (await client("DELETE", target)).status == 404
            assert (await other_tenant.admin("DELETE", target)).status == 404
        assert len((await tenant.admin("GET", theirs)).json()["items"]) == 1

    async def test_rows_are_hidden_when_a_query_forgets_the_predicate(
        self, tenant: Tenant, other_tenant: Tenant
    ) -> None:
        one, two = await tenant.unit("One"), await tenant.unit("Two")
        rep, other = await tenant.user("rep1", one), await tenant.user("rep2", two)
        await defined(other_tenant)
        for user in (rep, other):
            await tenant.admin("POST", f"/v1/org/users/{user['id']}/absences", LEAVE)
            await tenant.admin("PUT", f"/v1/org/users/{user['id']}/profile", {"level": "P2"})
        database: Database = tenant.app.state.parts.database
        async with database.transaction(Access(tenant.id, UUID(rep["id"]), "own", UUID(one))) as tx:
            for table in ("absences", "profiles"):
                rows = await tx.connection.fetch(f"select user_id from {table}")  # noqa: S608 - two names
                assert [str(row["user_id"]) for row in rows] == [rep["id"]], table
            assert await tx.connection.fetch("select id from calendars") == []
        async with database.transaction() as tx:
            for table in ("absences", "profiles", "calendars"):
                assert await tx.connection.fetch(f"select 1 from {table}") == [], table  # noqa: S608


async def _users(tenant: Tenant) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = (await tenant.admin("GET", "/v1/org/users")).json()["items"]
    return found


async def _recorded(client: Client, user_id: str, hour: int) -> int | str:
    """The status of recording an absence; where it is forbidden, the code."""
    times = {"from_at": f"2026-03-01T0{hour}:00:00Z", "to_at": "2026-03-02T00:00:00Z"}
    answer = await client("POST", f"/v1/org/users/{user_id}/absences", {"kind": "rest"} | times)
    return answer.code if answer.status == 403 else answer.status
