"""Profiles and absences through their routes: what is told, what is refused, and who may."""

from __future__ import annotations

from typing import Any
from uuid import UUID, uuid4

import pytest

from shared.contracts.org import (
    AbsenceRecorded,
    AbsenceWithdrawn,
    ProfileDefined,
)
from shared.database.transactions import Access, Database
from tests.integration.services.gateway.conftest import Client, Tenant
from tests.integration.services.gateway.test_calendars import (
    defined,
    newest,
    pointers,
)


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
