"""Calendars through their routes: what is told, what is refused, and who may."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import orjson
import pytest

from shared.contracts.org import (
    CalendarDefined,
    UnitDefined,
)
from shared.database.transactions import Access, Database
from tests.integration.services.gateway.conftest import Tenant

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
