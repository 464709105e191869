"""Transfers that take effect later, and who learns of changes."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

from fastapi import FastAPI

from services.gateway.bootstrap import build_app, settings_of
from shared.access.keys import SigningKey
from shared.events.backbone import Backbone
from shared.settings import Settings
from tests.integration.services.gateway.conftest import NOW, Client, Tenant, let_pass


async def transfer(tenant: Tenant, user: dict[str, Any], to: str, days: float) -> None:
    body = {"to_unit_id": to, "effective_at": (NOW + timedelta(days=days)).isoformat()}
    answer = await tenant.admin("POST", f"/v1/org/users/{user['id']}/transfer", body)
    assert (answer.status, answer.json()["state"]) == (201, "planned")


async def unit_of(tenant: Tenant, user: dict[str, Any]) -> str:
    return str((await tenant.admin("GET", f"/v1/org/users/{user['id']}")).json()["unit_id"])


async def states(tenant: Tenant, user: dict[str, Any]) -> list[str]:
    listed = await tenant.admin("GET", f"/v1/org/users/{user['id']}/transfers")
    return [item["state"] for item in listed.json()["items"]]


class TestFutureTransfer:
    async def test_takes_effect_when_due_and_not_before(self, tenant: Tenant, backbone: Backbone) -> None:
        one, two, three = [await tenant.unit(name) for name in ("One", "Two", "Three")]
        user = await tenant.user("lin", one)
        await transfer(tenant, user, two, 1)
        await transfer(tenant, user, three, 5)
        await let_pass(backbone, 0.9)
        assert await unit_of(tenant, user) == one
        await let_pass(backbone, 1.1)
        assert await unit_of(tenant, user) == two
        await let_pass(backbone, 6)
        assert await unit_of(tenant, user) == three
        assert await states(tenant, user) == ["done", "done"]

    async def test_void_when_unit_was_closed_or_user_left(self, tenant: Tenant, backbone: Backbone) -> None:
        one, two, three = [await tenant.unit(name) for name in ("One", "Two", "Three")]
        user = await tenant.user("lin", one)
        await transfer(tenant, user, two, 1)
        await transfer(tenant, user, three, 2)
        await tenant.admin("PATCH", f"/v1/org/units/{two}", {"active": False})
        await let_pass(backbone, 1.5)
        await tenant.admin("PATCH", f"/v1/org/users/{user['id']}", {"active": False})
        await let_pass(backbone, 3)
        assert await unit_of(tenant, user) == one
        assert await states(tenant, user) == ["void", "void"]


class TestWaitingForChange:
    async def test_answered_with_the_change_when_one_comes(self, tenant: Tenant) -> None:
        unit = await tenant.unit("One")
        target = f"/v1/org/units/{unit}"
        tag = (await tenant.admin("GET", target)).headers["etag"]
        waiting = asyncio.create_task(tenant.admin("GET", target, if_none_match=tag, cox_wait_ms="30000"))
        await tenant.unit("Another")
        await tenant.admin("PATCH", target, {"name": "New"})
        told = await waiting
        assert (told.status, told.json()["name"]) == (200, "New")

    async def test_bad_request_when_position_is_damaged_or_foreign(
        self, tenant: Tenant, other_tenant: Tenant
    ) -> None:
        theirs = (await other_tenant.admin("GET", "/v1/org/tenant")).headers["cox-position"]
        for token in ("nonsense", theirs):
            answer = await tenant.admin("GET", "/v1/org/tenant", cox_wait_for=token)
            assert (answer.status, answer.code) == (400, "bad_position")


class TestSeveralProcesses:
    async def test_change_is_known_elsewhere_when_asked_for(
        self, settings: Settings, tenant: Tenant, signing_key: SigningKey
    ) -> None:
        user = await tenant.user("lin", await tenant.root(), "manager")
        client = await tenant.client("lin")
        key = (await client("POST", "/v1/api-keys", {"name": "k", "scopes": ["org:read"]})).json()["key"]
        elsewhere = build_app(settings_of(settings), key=signing_key)
        async with elsewhere.router.lifespan_context(elsewhere):
            other = Client(elsewhere, client.token)
            partner = Client(elsewhere, key)
            assert (await other("GET", "/v1/me")).json()["roles"] == ["manager"]
            assert (await partner("GET", "/v1/me")).status == 200
            await tenant.admin("PATCH", f"/v1/org/users/{user['id']}", {"roles": ["rep"]})
            await elsewhere.state.parts.freshness.ask()
            assert (await other("GET", "/v1/me")).json()["roles"] == ["rep"]
            assert client.refresh_token is not None
            await client.form("/v1/auth/revoke", token=client.refresh_token)
            await elsewhere.state.parts.freshness.ask()
            assert (await other("GET", "/v1/me")).status == 401
            assert (await partner("GET", "/v1/me")).status == 200


class TestBrowsers:
    async def test_only_named_origins_are_allowed_when_pages_call(
        self, settings: Settings, databases: object, signing_key: SigningKey, app: FastAPI
    ) -> None:
        origin = {"origin": "https://crm.example", "access-control-request-method": "GET"}
        closed = await Client(app, headers=origin)("OPTIONS", "/v1/me")
        assert "access-control-allow-origin" not in closed.headers
        own = settings_of(settings).model_copy(update={"cors_origins": ["https://crm.example"]})
        opened = build_app(own, key=signing_key)
        async with opened.router.lifespan_context(opened):
            allowed = await Client(opened, headers=origin)("OPTIONS", "/v1/me")
            refused = await Client(opened, headers=origin | {"origin": "https://evil.example"})(
                "OPTIONS", "/v1/me"
            )
        assert allowed.headers["access-control-allow-origin"] == "https://crm.example"
        assert "access-control-allow-origin" not in refused.headers
