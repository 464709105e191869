"""People leave, now, in the past and later, and come back; days are closed."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import orjson
import pytest

from shared.database.transactions import Database
from shared.events.backbone import Backbone
from shared.ids import new_id
from tests.integration.services.gateway.conftest import NOW, Client, Tenant, let_pass
from tests.support.asgi import Answer

User = dict[str, Any]


@pytest.fixture
async def lin(tenant: Tenant) -> User:
    """A rep of the company's own unit."""
    return await tenant.user("lin", await tenant.root())


async def leave(tenant: Tenant, user: User, days: float | None = None, **body: Any) -> Answer:
    at = {} if days is None else {"effective_at": (NOW + timedelta(days=days)).isoformat()}
    return await tenant.admin("POST", f"/v1/org/users/{user['id']}/leave", at | body)


async def come_back(tenant: Tenant, user: User) -> Answer:
    return await tenant.admin("POST", f"/v1/org/users/{user['id']}/return")


async def is_active(tenant: Tenant, user: User) -> bool:
    return bool((await tenant.admin("GET", f"/v1/org/users/{user['id']}")).json()["active"])


async def states(tenant: Tenant, user: User) -> list[str]:
    listed = await tenant.admin("GET", f"/v1/org/users/{user['id']}/departures")
    return [item["state"] for item in listed.json()["items"]]


async def told(worker: Database, tenant: Tenant, kind: str) -> list[dict[str, Any]]:
    """What was recorded of this kind, with the time of the fact."""
    query = "select payload, occurred_at from events where tenant_id = $1 and type = $2 order by seq"
    async with worker.transaction() as tx:
        rows = await tx.connection.fetch(query, tenant.id, f"cox.org.{kind}.v1")
    return [orjson.loads(row["payload"]) | {"at": row["occurred_at"]} for row in rows]


class TestLeaving:
    async def test_nothing_of_theirs_opens_a_door_when_they_left(self, tenant: Tenant, lin: User) -> None:
        client = await tenant.client("lin")
        body = {"name": "k", "scopes": ["leads:read"]}
        key = Client(tenant.app, (await client("POST", "/v1/api-keys", body)).json()["key"])
        assert (await key("GET", "/v1/me")).status == 200
        left = (await leave(tenant, lin, reason="resigned")).json()
        assert (left["state"], left["reason"], left["handover"]) == ("done", "resigned", None)
        assert not await is_active(tenant, lin)
        assert (await client("GET", "/v1/me")).status == 401
        assert (await key("GET", "/v1/me")).status == 401
        assert client.refresh_token is not None
        again = await client.form(
            "/v1/auth/token", grant_type="refresh_token", refresh_token=client.refresh_token
        )
        assert (again.status, again.code) == (401, "invalid_grant")
        assert (await Client(tenant.app).sign_in(tenant.email_of("lin"))).status == 401

    async def test_what_happens_to_their_leads_is_told_when_they_leave_in_the_past(
        self, tenant: Tenant, worker: Database, lin: User
    ) -> None:
        chen = await tenant.user("chen", await tenant.root())
        handover = {"candidates": {"user_ids": [chen["id"]]}, "max_open_leads": 100}
        left = (await leave(tenant, lin, -3, reason="resigned", handover=handover)).json()
        assert left["handover"]["max_open_leads"] == 100
        [fact] = await told(worker, tenant, "rep_left")
        assert fact["at"] == datetime.fromisoformat(left["effective_at"])
        assert fact["handover"] == {"user_ids": [chen["id"]], "unit_id": None, "max_open_leads": 100}
        # Why stays here.
        assert "resigned" not in str(fact)

    async def test_it_is_refused_when_they_leave_twice(self, tenant: Tenant, lin: User) -> None:
        assert (await leave(tenant, lin, 5)).status == 201
        twice = await leave(tenant, lin)
        assert (twice.status, twice.code) == (409, "already_leaving")
        other = await tenant.user("chen", await tenant.root())
        assert (await leave(tenant, other)).status == 201
        gone = await leave(tenant, other)
        assert (gone.status, gone.code) == (409, "user_inactive")

    async def test_it_is_refused_when_the_last_admin_leaves(self, tenant: Tenant) -> None:
        answer = await leave(tenant, {"id": str(tenant.made.admin_id)})
        assert (answer.status, answer.code) == (409, "last_admin")
        assert await states(tenant, {"id": str(tenant.made.admin_id)}) == []

    async def test_an_admin_stays_when_a_key_that_is_none_asks(self, tenant: Tenant) -> None:
        other = await tenant.user("other", await tenant.root(), "admin")
        body = {"name": "k", "scopes": ["org:write"]}
        key = Client(tenant.app, (await tenant.admin("POST", "/v1/api-keys", body)).json()["key"])
        refused = await key("POST", f"/v1/org/users/{other['id']}/leave", {})
        assert (refused.status, refused.code) == (403, "grant_too_wide")
        assert await is_active(tenant, other)

    async def test_it_names_what_is_wrong_when_nobody_could_take_over(
        self, tenant: Tenant, other_tenant: Tenant, lin: User
    ) -> None:
        stranger = await other_tenant.user("chen", await other_tenant.root())
        at = "/handover/candidates"
        wrong: list[tuple[dict[str, Any], str]] = [
            ({}, at),
            ({"user_ids": [lin["id"]], "unit_id": await tenant.root()}, at),
            ({"unit_id": str(new_id())}, f"{at}/unit_id"),
            ({"user_ids": [lin["id"]]}, f"{at}/user_ids/0"),
            ({"user_ids": [stranger["id"]]}, f"{at}/user_ids/0"),
        ]
        for candidates, pointer in wrong:
            answer = await leave(tenant, lin, handover={"candidates": candidates})
            assert (answer.status, answer.pointers) == (422, [pointer]), answer
        assert await is_active(tenant, lin)

    async def test_only_who_changes_the_organisation_may_say_so(self, tenant: Tenant, lin: User) -> None:
        await tenant.user("boss", await tenant.root(), "manager")
        boss = await tenant.client("boss")
        routes = (("POST", "leave"), ("DELETE", "leave"), ("GET", "departures"), ("POST", "return"))
        for method, path in routes:
            body: Any = {} if (method, path) == ("POST", "leave") else None
            refused = await boss(method, f"/v1/org/users/{lin['id']}/{path}", body)
            assert (refused.status, refused.code) == (403, "missing_scope")


class TestLeavingLater:
    async def test_they_leave_when_it_is_due_and_not_before(
        self, tenant: Tenant, worker: Database, backbone: Backbone, lin: User
    ) -> None:
        assert (await leave(tenant, lin, 3)).json()["state"] == "planned"
        await let_pass(backbone, 2.9)
        assert (await is_active(tenant, lin), await states(tenant, lin)) == (True, ["planned"])
        await let_pass(backbone, 3.1)
        assert (await is_active(tenant, lin), await states(tenant, lin)) == (False, ["done"])
        [fact] = await told(worker, tenant, "rep_left")
        assert fact["at"] == NOW + timedelta(days=3)

    async def test_they_stay_when_it_is_cancelled(
        self, tenant: Tenant, backbone: Backbone, lin: User
    ) -> None:
        await leave(tenant, lin, 3)
        assert (await tenant.admin("DELETE", f"/v1/org/users/{lin['id']}/leave")).status == 204
        await let_pass(backbone, 4)
        assert (await is_active(tenant, lin), await states(tenant, lin)) == (True, ["cancelled"])
        none = await tenant.admin("DELETE", f"/v1/org/users/{lin['id']}/leave")
        assert (none.status, none.code) == (404, "not_leaving")

    async def test_leads_are_handed_over_all_the_same_when_they_were_deactivated_before(
        self, tenant: Tenant, worker: Database, backbone: Backbone, lin: User
    ) -> None:
        await leave(tenant, lin, 3, handover={"candidates": {"unit_id": await tenant.root()}})
        await tenant.admin("PATCH", f"/v1/org/users/{lin['id']}", {"active": False})
        await let_pass(backbone, 4)
        assert await states(tenant, lin) == ["done"]
        assert [one["user_id"] for one in await told(worker, tenant, "rep_left")] == [lin["id"]]

    async def test_it_is_void_when_the_tenant_would_lose_its_last_admin(
        self, tenant: Tenant, backbone: Backbone
    ) -> None:
        admin = {"id": str(tenant.made.admin_id)}
        await leave(tenant, admin, 3)
        await let_pass(backbone, 4)
        assert (await is_active(tenant, admin), await states(tenant, admin)) == (True, ["void"])


class TestReturning:
    @pytest.mark.parametrize(("days", "with_leads"), [(-6.9, True), (-7.1, False)])
    async def test_leads_come_along_when_it_was_within_a_week(
        self, tenant: Tenant, worker: Database, lin: User, days: float, *, with_leads: bool
    ) -> None:
        client = await tenant.client("lin")
        departure = (await leave(tenant, lin, days)).json()
        back = (await come_back(tenant, lin)).json()
        assert (back["leads_return"], back["returned_at"] is not None) == (with_leads, True)
        [fact] = await told(worker, tenant, "rep_returned")
        assert (fact["departure_id"], fact["leads_return"]) == (departure["id"], with_leads)
        assert await is_active(tenant, lin)
        assert (await client("GET", "/v1/me")).status == 401
        assert (await client.sign_in(tenant.email_of("lin"))).status == 200

    async def test_it_is_refused_when_they_have_not_left_or_are_back(self, tenant: Tenant, lin: User) -> None:
        for _ in range(2):
            refused = await come_back(tenant, lin)
            assert (refused.status, refused.code) == (409, "has_not_left")
            await leave(tenant, lin)
            assert (await come_back(tenant, lin)).status == 200
        assert await states(tenant, lin) == ["done", "done"]

    async def test_it_is_refused_when_they_were_only_deactivated(self, tenant: Tenant, lin: User) -> None:
        await tenant.admin("PATCH", f"/v1/org/users/{lin['id']}", {"active": False})
        assert (await come_back(tenant, lin)).code == "has_not_left"


class TestClosedDays:
    async def test_nobody_leaves_or_moves_where_it_is_closed(
        self, tenant: Tenant, worker: Database, lin: User
    ) -> None:
        closed = {"closed_through": "2026-03-31"}
        answer = await tenant.admin("PATCH", "/v1/org/tenant", closed)
        assert (answer.status, answer.json()["closed_through"]) == (200, "2026-03-31")
        assert (await told(worker, tenant, "tenant_configured"))[-1]["closed_through"] == "2026-03-31"
        team = await tenant.unit("Team")
        path = f"/v1/org/users/{lin['id']}"
        # The day ends in the tenant's zone, eight hours before it ends in UTC.
        for route, body in (("leave", {}), ("transfer", {"to_unit_id": team})):
            last = body | {"effective_at": "2026-03-31T15:59:59Z"}
            refused = await tenant.admin("POST", f"{path}/{route}", last)
            assert (refused.status, refused.code) == (409, "period_closed")
            assert refused.pointers == ["/effective_at"]
        first = {"effective_at": "2026-03-31T16:00:00Z"}
        assert (await tenant.admin("POST", f"{path}/transfer", {"to_unit_id": team} | first)).status == 201
        assert (await tenant.admin("POST", f"{path}/leave", first)).status == 201

    async def test_it_only_moves_on_when_a_day_is_over(self, tenant: Tenant) -> None:
        await tenant.admin("PATCH", "/v1/org/tenant", {"closed_through": "2026-03-31"})
        tomorrow = (NOW + timedelta(days=2)).date().isoformat()
        for day, status, code in (
            ("2026-03-30", 409, "closed_stays"),
            (tomorrow, 422, "day_not_over"),
            (None, 422, "invalid_request"),
        ):
            refused = await tenant.admin("PATCH", "/v1/org/tenant", {"closed_through": day})
            assert (refused.status, refused.code) == (status, code)
            assert refused.pointers == ["/closed_through"]
        renamed = await tenant.admin("PATCH", "/v1/org/tenant", {"name": f"New {new_id()}"})
        assert renamed.json()["closed_through"] == "2026-03-31"
        assert (await tenant.admin("PATCH", "/v1/org/tenant", {"closed_through": "2026-04-30"})).status == 200

    async def test_a_key_closes_nothing_when_it_may_not_configure(self, tenant: Tenant) -> None:
        body = {"name": "k", "scopes": ["org:write", "org:read"]}
        key = Client(tenant.app, (await tenant.admin("POST", "/v1/api-keys", body)).json()["key"])
        refused = await key("PATCH", "/v1/org/tenant", {"closed_through": "2026-03-31"})
        assert (refused.status, refused.code) == (403, "missing_scope")
