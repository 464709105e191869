"""API keys: issued once, good while their owner is, and never more than their owner."""

from __future__ import annotations

import base64
from datetime import UTC, datetime, timedelta
from typing import Any

from tests.integration.services.gateway.conftest import Client, Tenant
from tests.support.asgi import Answer, ask


async def issued(client: Client, *scopes: str, **more: Any) -> Answer:
    body = {"name": "partner", "scopes": list(scopes) or ["leads:read"]} | more
    return await client("POST", "/v1/api-keys", body)


class TestIssuing:
    async def test_secret_is_shown_once_when_key_is_made(self, tenant: Tenant) -> None:
        answer = await issued(tenant.admin, "leads:read", "leads:write")
        assert answer.status == 201
        made = answer.json()
        assert made["key"].startswith("cox_")
        listed = (await tenant.admin("GET", "/v1/api-keys")).json()["items"]
        assert "key" not in listed[-1]
        assert listed[-1]["id"] == made["id"]
        client = Client(tenant.app, made["key"])
        me = (await client("GET", "/v1/me")).json()
        assert (me["kind"], me["scopes"]) == ("api_key", ["leads:read", "leads:write"])
        assert (me["id"], me["user_id"], me["is_rep"]) == (made["id"], str(tenant.made.admin_id), False)

    async def test_answer_is_not_repeated_when_sent_again_with_the_same_key(self, tenant: Tenant) -> None:
        body = {"name": "partner", "scopes": ["leads:read"]}
        first = await tenant.admin("POST", "/v1/api-keys", body, idempotency_key="again")
        again = await tenant.admin("POST", "/v1/api-keys", body, idempotency_key="again")
        assert (first.status, again.status) == (201, 409)
        assert first.json()["id"] in again.json()["detail"]
        assert "cox_" not in again.body.decode()

    async def test_refused_when_scope_is_not_the_makers_own(self, tenant: Tenant) -> None:
        await tenant.user("lin", await tenant.root(), "rep")
        client = await tenant.client("lin")
        assert (await issued(client, "admin")).code == "scope_not_held"
        assert (await issued(client, "org:write")).code == "scope_not_held"
        assert (await issued(client, "leads:write")).status == 201
        assert (await issued(client, "everything")).status == 422

    async def test_refused_when_expiry_is_past(self, tenant: Tenant) -> None:
        past = (datetime.now(UTC) - timedelta(seconds=1)).isoformat()
        assert (await issued(tenant.admin, expires_at=past)).code == "expiry_past"

    async def test_key_may_less_when_its_owner_may_less(self, tenant: Tenant) -> None:
        user = await tenant.user("lin", await tenant.root(), "director")
        key = (await issued(await tenant.client("lin"), "leads:write", "config:write")).json()["key"]
        client = Client(tenant.app, key)
        assert (await client("GET", "/v1/me")).json()["scopes"] == ["config:write", "leads:write"]
        await tenant.admin("PATCH", f"/v1/org/users/{user['id']}", {"roles": ["rep"]})
        me = (await client("GET", "/v1/me")).json()
        assert (me["scopes"], me["visibility"]) == (["leads:write"], "own")


class TestRevoking:
    async def test_key_is_refused_at_once_when_revoked(self, tenant: Tenant) -> None:
        made = (await issued(tenant.admin)).json()
        client = Client(tenant.app, made["key"])
        assert (await client("GET", "/v1/me")).status == 200
        revoked = await tenant.admin("DELETE", f"/v1/api-keys/{made['id']}")
        assert revoked.json()["revoked_at"] is not None
        assert (await client("GET", "/v1/me")).status == 401
        again = await tenant.admin("DELETE", f"/v1/api-keys/{made['id']}")
        assert (again.status, again.json()["version"]) == (200, revoked.json()["version"])

    async def test_not_found_when_key_is_anothers(self, tenant: Tenant, other_tenant: Tenant) -> None:
        made = (await issued(tenant.admin)).json()
        await tenant.user("lin", await tenant.root(), "director")
        target = f"/v1/api-keys/{made['id']}"
        assert (await (await tenant.client("lin"))("DELETE", target)).status == 404
        assert (await other_tenant.admin("DELETE", target)).status == 404
        listed = (await (await tenant.client("lin"))("GET", "/v1/api-keys")).json()
        assert listed["items"] == []


class TestClientCredentials:
    async def test_access_token_is_given_when_id_and_key_are_right(self, tenant: Tenant) -> None:
        made = (await issued(tenant.admin)).json()
        client = Client(tenant.app)
        answer = await client.form(
            "/v1/auth/token", grant_type="client_credentials", client_id=made["id"], client_secret=made["key"]
        )
        assert (answer.status, answer.json()["refresh_token"]) == (200, None)
        client.token = answer.json()["access_token"]
        assert (await client("GET", "/v1/me")).json()["id"] == made["id"]
        await tenant.admin("DELETE", f"/v1/api-keys/{made['id']}")
        assert (await client("GET", "/v1/me")).status == 401

    async def test_access_token_is_given_when_sent_by_http_basic(self, tenant: Tenant) -> None:
        made = (await issued(tenant.admin)).json()
        basic = base64.b64encode(f"{made['id']}:{made['key']}".encode()).decode()
        headers = {
            "authorization": f"Basic {basic}",
            "content-type": "application/x-www-form-urlencoded",
        }
        body = b"grant_type=client_credentials"
        answer = await ask(tenant.app, "POST", "/v1/auth/token", body=body, headers=headers)
        assert answer.status == 200

    async def test_refused_when_secret_is_wrong_or_of_another_key(self, tenant: Tenant) -> None:
        one, two = (await issued(tenant.admin)).json(), (await issued(tenant.admin)).json()
        client = Client(tenant.app)
        for client_id, secret in ((one["id"], two["key"]), (one["id"], "cox_x"), ("x", one["key"])):
            answer = await client.form(
                "/v1/auth/token", grant_type="client_credentials", client_id=client_id, client_secret=secret
            )
            assert (answer.status, answer.code) == (401, "invalid_client")
