"""The organisation through its routes: units, users, transfers, rates, and who sees whom."""

from __future__ import annotations

from typing import Any
from uuid import UUID, uuid4

import pytest

from shared.access.roles import ROLES
from shared.contracts.org import AccessChanged, RateSet, RepMoved, UnitDefined, UserDefined
from shared.database.transactions import Access, Database
from tests.integration.services.gateway.conftest import Client, Tenant


async def recorded(worker: Database, tenant: Tenant) -> list[tuple[int, str]]:
    """Seq and type of the tenant's org events."""
    async with worker.transaction(Access(tenant.id)) as tx:
        raw = await tx.raw()
        rows = await raw.fetch(
            "select seq, type from events where tenant_id = $1 and aggregate_id = $1 order by id", tenant.id
        )
    return [(row["seq"], row["type"]) for row in rows]


class TestTenant:
    async def test_first_events_are_tenant_root_and_admin_when_made(
        self, tenant: Tenant, worker: Database
    ) -> None:
        seqs = await recorded(worker, tenant)
        assert [seq for seq, _ in seqs[:3]] == [1, 2, 3]
        assert [kind for _, kind in seqs[:3]] == [
            "cox.org.tenant_configured.v1", UnitDefined.type_name(), UserDefined.type_name()
        ]  # fmt: skip

    async def test_renamed_when_version_matches_only(self, tenant: Tenant) -> None:
        found = await tenant.admin("GET", "/v1/org/tenant")
        assert (found.json()["timezone"], found.json()["currency"]) == ("Asia/Shanghai", "CNY")
        name = f"renamed {tenant.id}"
        tag = found.headers["etag"]
        answer = await tenant.admin("PATCH", "/v1/org/tenant", {"name": name}, if_match=tag)
        assert (answer.status, answer.json()["name"]) == (200, name)
        assert answer.headers["cox-position"]
        late = await tenant.admin("PATCH", "/v1/org/tenant", {"name": "other"}, if_match=tag)
        assert late.status == 412
        fixed = await tenant.admin("PATCH", "/v1/org/tenant", {"currency": "USD"})
        assert fixed.status == 422


class TestUnits:
    async def test_unit_is_stored_under_its_parent_when_made(self, tenant: Tenant) -> None:
        region = await tenant.unit("North", kind="region")
        team = await tenant.unit("North 1", region)
        found = await tenant.admin("GET", f"/v1/org/units/{team}")
        assert (found.json()["parent_id"], found.json()["kind"]) == (region, "team")
        assert found.headers["etag"] == f'"{found.json()["version"]}"'
        fresh = await tenant.admin("GET", f"/v1/org/units/{team}", if_none_match=found.headers["etag"])
        assert fresh.status == 304

    @pytest.mark.parametrize(
        ("change", "status", "code"),
        [
            ({"kind": "company"}, 422, "unit_misplaced"),
            ({"parent_id": str(uuid4())}, 422, "unknown_unit"),
            ({"parent_id": "17"}, 422, "invalid_request"),
            ({"code": "root"}, 409, "code_taken"),
            ({"name": "a\x00b"}, 422, "invalid_request"),
            ({"colour": "blue"}, 422, "invalid_request"),
        ],
    )
    async def test_refused_when_wrong(
        self, tenant: Tenant, change: dict[str, str], status: int, code: str
    ) -> None:
        body = {"kind": "team", "name": "A", "code": "A", "parent_id": await tenant.root()} | change
        answer = await tenant.admin("POST", "/v1/org/units", body)
        assert (answer.status, answer.code) == (status, code)

    async def test_region_is_refused_when_put_under_a_team(self, tenant: Tenant) -> None:
        team = await tenant.unit("Team")
        body = {"kind": "region", "name": "R", "code": "R", "parent_id": team}
        assert (await tenant.admin("POST", "/v1/org/units", body)).code == "unit_misplaced"

    async def test_closed_when_empty_only(self, tenant: Tenant) -> None:
        team = await tenant.unit("Team")
        user = await tenant.user("lin", team)
        assert (await tenant.admin("PATCH", f"/v1/org/units/{team}", {"active": False})).code == "unit_in_use"
        await tenant.admin("PATCH", f"/v1/org/users/{user['id']}", {"active": False})
        answer = await tenant.admin("PATCH", f"/v1/org/units/{team}", {"active": False})
        assert (answer.status, answer.json()["active"]) == (200, False)

    async def test_one_is_made_when_the_same_request_is_sent_twice(self, tenant: Tenant) -> None:
        body = {"kind": "team", "name": "Once", "code": "Once", "parent_id": await tenant.root()}
        first = await tenant.admin("POST", "/v1/org/units", body, idempotency_key="k1")
        again = await tenant.admin("POST", "/v1/org/units", body, idempotency_key="k1")
        assert (first.status, again.status) == (201, 201)
        assert first.json() == again.json()
        other = await tenant.admin("POST", "/v1/org/units", body | {"code": "T"}, idempotency_key="k1")
        assert (other.status, other.code) == (422, "idempotency_key_reused")

    async def test_pages_join_to_the_whole_when_followed(self, tenant: Tenant) -> None:
        made = {await tenant.unit(f"T{n}") for n in range(5)}
        seen: list[str] = []
        target = "/v1/org/units?limit=2"
        while True:
            page = (await tenant.admin("GET", target)).json()
            seen += [unit["id"] for unit in page["items"]]
            if page["next_cursor"] is None:
                break
            target = f"/v1/org/units?limit=2&cursor={page['next_cursor']}"
        assert len(seen) == len(set(seen)) == 6
        assert made < set(seen)


class TestUsers:
    async def test_user_has_the_rights_of_the_roles_when_made(self, tenant: Tenant, worker: Database) -> None:
        team = await tenant.unit("Team")
        user = await tenant.user("lin", team, "rep")
        assert (user["visibility"], user["is_rep"], user["email"]) == ("own", True, tenant.email_of("lin"))
        seqs = await recorded(worker, tenant)
        assert seqs[-1] == (user["version"], UserDefined.type_name())
        client = await tenant.client("lin")
        me = (await client("GET", "/v1/me")).json()
        assert (me["unit_id"], me["is_rep"]) == (team, True)
        assert me["scopes"] == sorted(ROLES["rep"].scopes)

    @pytest.mark.parametrize(
        ("change", "status", "code"),
        [
            ({"email": "nonsense"}, 422, "invalid_request"),
            ({"password": "short"}, 422, "password_unfit"),
            ({"roles": []}, 422, "invalid_request"),
            ({"roles": ["king"]}, 422, "invalid_request"),
            ({"code": "admin"}, 409, "code_taken"),
            ({"unit_id": str(uuid4())}, 422, "unknown_unit"),
            ({"email": None}, 422, "invalid_request"),
            ({"display_name": "a\u202eb"}, 422, "invalid_request"),
        ],
    )
    async def test_refused_when_wrong(
        self, tenant: Tenant, change: dict[str, Any], status: int, code: str
    ) -> None:
        body = {
            "display_name": "Lin", "code": "lin", "unit_id": await tenant.root(), "roles": ["rep"],
            "email": tenant.email_of("lin"), "password": "long enough now",
        }  # fmt: skip
        answer = await tenant.admin("POST", "/v1/org/users", body | change)
        assert (answer.status, answer.code) == (status, code)

    async def test_refused_when_email_is_in_use_in_another_tenant(
        self, tenant: Tenant, other_tenant: Tenant
    ) -> None:
        body = {
            "display_name": "Lin", "unit_id": await tenant.root(), "roles": ["rep"],
            "email": other_tenant.email, "password": "long enough now",
        }  # fmt: skip
        assert (await tenant.admin("POST", "/v1/org/users", body)).code == "email_taken"

    async def test_sessions_and_keys_end_when_deactivated(self, tenant: Tenant, worker: Database) -> None:
        user = await tenant.user("lin", await tenant.root(), "manager")
        client = await tenant.client("lin")
        key = (await client("POST", "/v1/api-keys", {"name": "k", "scopes": ["leads:read"]})).json()["key"]
        partner = Client(tenant.app, key)
        assert (await partner("GET", "/v1/me")).status == 200
        answer = await tenant.admin("PATCH", f"/v1/org/users/{user['id']}", {"active": False})
        assert answer.status == 200
        assert (await client("GET", "/v1/me")).status == 401
        assert (await partner("GET", "/v1/me")).status == 401
        assert (await client.sign_in(tenant.email_of("lin"))).status == 401
        assert AccessChanged.type_name() in [kind for _, kind in (await recorded(worker, tenant))[-3:]]

    async def test_rights_are_the_new_ones_when_roles_change(self, tenant: Tenant) -> None:
        user = await tenant.user("lin", await tenant.root(), "rep")
        client = await tenant.client("lin")
        assert (await client("GET", "/v1/me")).json()["visibility"] == "own"
        await tenant.admin("PATCH", f"/v1/org/users/{user['id']}", {"roles": ["director"]})
        me = (await client("GET", "/v1/me")).json()
        assert (me["visibility"], me["roles"]) == ("tenant", ["director"])

    async def test_sees_as_far_as_roles_when_own_visibility_is_taken_back(self, tenant: Tenant) -> None:
        user = await tenant.user("lin", await tenant.root(), "rep")
        target = f"/v1/org/users/{user['id']}"
        wider = await tenant.admin("PATCH", target, {"visibility": "tenant"})
        assert (wider.status, wider.json()["visibility"]) == (200, "tenant")
        back = await tenant.admin("PATCH", target, {"visibility": None})
        assert (back.status, back.json()["visibility"]) == (200, "own")

    async def test_signs_in_with_the_new_password_when_admin_sets_one(self, tenant: Tenant) -> None:
        user = await tenant.user("lin", await tenant.root())
        client = await tenant.client("lin")
        change = {"password": "something else entirely"}
        answer = await tenant.admin("PATCH", f"/v1/org/users/{user['id']}", change)
        assert answer.status == 200
        assert answer.json()["version"] > user["version"]
        assert (await client("GET", "/v1/me")).status == 401
        assert (await client.sign_in(tenant.email_of("lin"), "something else entirely")).status == 200

    async def test_refused_when_last_admin_would_go(self, tenant: Tenant) -> None:
        target = f"/v1/org/users/{tenant.made.admin_id}"
        assert (await tenant.admin("PATCH", target, {"active": False})).code == "last_admin"
        assert (await tenant.admin("PATCH", target, {"roles": ["rep"]})).code == "last_admin"

    async def test_forbidden_when_caller_may_not_write(self, tenant: Tenant) -> None:
        await tenant.user("lin", await tenant.root(), "manager")
        client = await tenant.client("lin")
        body = {"display_name": "X", "unit_id": await tenant.root(), "roles": ["rep"]}
        answer = await client("POST", "/v1/org/users", body)
        assert (answer.status, answer.code) == (403, "missing_scope")


class TestVisibility:
    async def test_each_sees_what_their_role_allows_when_listing(self, tenant: Tenant) -> None:
        north = await tenant.unit("North", kind="region")
        one, two = await tenant.unit("One", north), await tenant.unit("Two", north)
        await tenant.user("manager", north, "manager")
        await tenant.user("supervisor", one, "supervisor")
        await tenant.user("rep1", one)
        await tenant.user("rep2", two)
        seen = {name: await _names(await tenant.client(name)) for name in ("manager", "supervisor", "rep1")}
        assert seen["manager"] == {"manager", "supervisor", "rep1", "rep2"}
        assert seen["supervisor"] == {"supervisor", "rep1"}
        assert seen["rep1"] == {"rep1"}
        assert await _names(tenant.admin) == seen["manager"] | {"Admin"}

    async def test_not_found_when_user_or_unit_is_out_of_sight(
        self, tenant: Tenant, other_tenant: Tenant
    ) -> None:
        one, two = await tenant.unit("One"), await tenant.unit("Two")
        hidden = await tenant.user("rep2", two)
        await tenant.user("rep1", one)
        client = await tenant.client("rep1")
        assert (await client("GET", f"/v1/org/users/{hidden['id']}")).status == 404
        assert (await client("GET", f"/v1/org/units/{two}")).status == 404
        assert (await client("GET", f"/v1/org/units/{one}")).status == 200
        assert (await other_tenant.admin("GET", f"/v1/org/units/{one}")).status == 404
        assert (await other_tenant.admin("GET", f"/v1/org/users/{hidden['id']}")).status == 404

    async def test_rows_are_hidden_when_a_query_forgets_the_predicate(
        self, tenant: Tenant, other_tenant: Tenant
    ) -> None:
        one, two = await tenant.unit("One"), await tenant.unit("Two")
        await tenant.user("rep2", two)
        rep = await tenant.user("rep1", one)
        database: Database = tenant.app.state.parts.database
        async with database.transaction(Access(tenant.id, UUID(rep["id"]), "own", UUID(one))) as tx:
            raw = await tx.raw()
            assert [row["code"] for row in await raw.fetch("select code from users")] == ["rep1"]
            assert len(await raw.fetch("select id from units")) == 2
            assert len(await raw.fetch("select id from tenants")) == 1
            assert await raw.fetch("select id from api_keys") == []
        async with database.transaction() as tx:
            raw = await tx.raw()
            for table in ("users", "units", "tenants", "accounts", "sessions", "refresh_tokens", "api_keys"):
                assert await raw.fetch(f"select 1 from {table}") == [], table  # noqa: S608


class TestTransfers:
    async def test_user_is_moved_at_once_when_due(self, tenant: Tenant, worker: Database) -> None:
        one, two = await tenant.unit("One"), await tenant.unit("Two")
        user = await tenant.user("lin", one)
        answer = await _transfer(tenant, user, two)
        assert (answer.status, answer.json()["state"]) == (201, "done")
        assert answer.json()["from_unit_id"] == one
        moved = (await tenant.admin("GET", f"/v1/org/users/{user['id']}")).json()
        assert moved["unit_id"] == two
        kinds = [kind for _, kind in (await recorded(worker, tenant))[-2:]]
        assert kinds == [RepMoved.type_name(), UserDefined.type_name()]

    async def test_later_transfer_keeps_its_say_when_an_earlier_one_is_added(self, tenant: Tenant) -> None:
        one, two, three = [await tenant.unit(name) for name in ("One", "Two", "Three")]
        user = await tenant.user("lin", one)
        await _transfer(tenant, user, two, "2026-03-01T00:00:00Z")
        added = await _transfer(tenant, user, three, "2026-02-01T00:00:00Z")
        assert added.json()["from_unit_id"] == one
        assert (await tenant.admin("GET", f"/v1/org/users/{user['id']}")).json()["unit_id"] == two
        listed = (await tenant.admin("GET", f"/v1/org/users/{user['id']}/transfers")).json()["items"]
        assert [item["to_unit_id"] for item in listed] == [two, three]

    async def test_refused_when_nothing_would_change_or_unit_is_unknown(self, tenant: Tenant) -> None:
        one = await tenant.unit("One")
        user = await tenant.user("lin", one)
        assert (await _transfer(tenant, user, one)).code == "already_in_unit"
        assert (await _transfer(tenant, user, str(uuid4()))).code == "unknown_unit"
        assert (await _transfer(tenant, user, one, "yesterday")).status == 422


class TestRates:
    async def test_rate_of_a_day_is_replaced_when_set_again(self, tenant: Tenant, worker: Database) -> None:
        for rate in ("7.1", "7.2500"):
            body = {"currency": "USD", "valid_on": "2026-03-01", "rate": rate}
            assert (await tenant.admin("POST", "/v1/org/rates", body)).status == 201
        items = (await tenant.admin("GET", "/v1/org/rates?currency=USD")).json()["items"]
        assert [(item["valid_on"], item["rate"]) for item in items] == [("2026-03-01", "7.25")]
        assert [kind for _, kind in (await recorded(worker, tenant))[-2:]] == [RateSet.type_name()] * 2

    @pytest.mark.parametrize(
        "change", [{"currency": "CNY"}, {"rate": "0"}, {"rate": "-1"}, {"rate": "NaN"}, {"currency": "XXQ"}]
    )
    async def test_refused_when_wrong(self, tenant: Tenant, change: dict[str, str]) -> None:
        body = {"currency": "USD", "valid_on": "2026-03-01", "rate": "7.1"} | change
        assert (await tenant.admin("POST", "/v1/org/rates", body)).status == 422


async def _names(client: Client) -> set[str]:
    return {user["display_name"] for user in (await client("GET", "/v1/org/users?limit=500")).json()["items"]}


async def _transfer(tenant: Tenant, user: dict[str, Any], to: str, at: str | None = None) -> Any:
    body = {"to_unit_id": to} | ({"effective_at": at} if at else {})
    return await tenant.admin("POST", f"/v1/org/users/{user['id']}/transfer", body)
