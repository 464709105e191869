"""Tokens that somebody made up, stole or kept too long."""

from __future__ import annotations

from uuid import uuid4

import pytest
from fastapi import FastAPI

from services.gateway.identity.access_tokens import AUDIENCE, TYPE
from shared.access.keys import SigningKey
from shared.access.principal import service_principal
from shared.access.tokens import sign_principal
from tests.chaos.hostile.tokens import ACCESS_TOKEN, claims_of, signed
from tests.integration.services.gateway.conftest import Client, Tenant
from tests.support.asgi import Answer, ask


class TestAccessToken:
    @pytest.mark.parametrize("kind", ACCESS_TOKEN)
    async def test_refused_when_hostile(self, tenant: Tenant, signing_key: SigningKey, kind: str) -> None:
        assert tenant.admin.token is not None
        claims = claims_of(tenant.admin.token)
        answer = await Client(tenant.app, ACCESS_TOKEN[kind](signing_key, claims, TYPE))("GET", "/v1/me")
        assert answer.status == 401
        assert answer.code in {"invalid_token", "token_expired", "grant_revoked"}
        assert answer.headers["www-authenticate"].startswith("Bearer")

    async def test_accepted_when_made_as_the_gateway_does(
        self, tenant: Tenant, signing_key: SigningKey
    ) -> None:
        assert tenant.admin.token is not None
        again = signed(signing_key, claims_of(tenant.admin.token), TYPE)
        assert (await Client(tenant.app, again)("GET", "/v1/me")).status == 200

    async def test_refused_when_it_is_a_service_token(self, tenant: Tenant, signing_key: SigningKey) -> None:
        for audience in ("leads", "gateway", AUDIENCE):
            token = sign_principal(signing_key, service_principal(tenant.id, uuid4()), audience)
            assert (await Client(tenant.app, token)("GET", "/v1/me")).status == 401

    async def test_refused_when_there_is_none_or_more_than_one(self, tenant: Tenant) -> None:
        assert (await Client(tenant.app)("GET", "/v1/me")).code == "unauthenticated"
        one = ("authorization", f"Bearer {tenant.admin.token}")
        answer = await ask(tenant.app, "GET", "/v1/me", headers=[one, one])
        assert answer.status == 401
        basic = await ask(tenant.app, "GET", "/v1/me", headers=[("authorization", "Basic YTpi")])
        assert basic.status == 401


class TestPaths:
    @pytest.mark.parametrize(
        "path", ["/", "/nope", "/v1", "/v1/nope", "/metrics", "/readyz", "/internal/jwks"]
    )
    async def test_not_found_when_nobody_owns_the_path(self, app: FastAPI, path: str) -> None:
        answer: Answer = await Client(app)("GET", path)
        assert (answer.status, answer.code) == (404, "not_found")

    async def test_not_allowed_when_method_is_another(self, tenant: Tenant) -> None:
        answer = await tenant.admin("PUT", "/v1/org/units", {})
        assert (answer.status, answer.code) == (405, "method_not_allowed")
        assert set(answer.headers["allow"].split(", ")) == {"GET", "POST"}

    async def test_healthy_when_asked_at_the_public_address(self, app: FastAPI) -> None:
        assert (await Client(app)("GET", "/healthz")).status == 200
