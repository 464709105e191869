"""Tokens that somebody made up, stole or kept too long."""

from __future__ import annotations

import base64
import hashlib
import hmac
import time
from collections.abc import Callable
from typing import Any
from uuid import uuid4

import jwt
import orjson
import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from fastapi import FastAPI

from services.gateway.identity.access_tokens import AUDIENCE, TYPE
from shared.access.keys import SigningKey
from shared.access.principal import service_principal
from shared.access.tokens import sign_principal
from tests.integration.services.gateway.conftest import Client, Tenant
from tests.support.asgi import Answer, ask

Claims = dict[str, Any]


def claims_of(token: str) -> Claims:
    found: Claims = jwt.decode(token, options={"verify_signature": False})
    return found


def signed(key: SigningKey, claims: Claims, **header: Any) -> str:
    return jwt.encode(claims, key.private, algorithm="EdDSA", headers={"typ": TYPE, "kid": key.kid} | header)


def _b64(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def _unsigned(key: SigningKey, claims: Claims) -> str:
    header = {"alg": "none", "typ": TYPE, "kid": key.kid}
    return f"{_b64(orjson.dumps(header))}.{_b64(orjson.dumps(claims))}."


def _confused(key: SigningKey, claims: Claims) -> str:
    """An HMAC whose secret is our public key, which everybody knows."""
    public = key.private.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    header = {"alg": "HS256", "typ": TYPE, "kid": key.kid}
    head = f"{_b64(orjson.dumps(header))}.{_b64(orjson.dumps(claims))}"
    return f"{head}.{_b64(hmac.new(public, head.encode(), hashlib.sha256).digest())}"


HOSTILE: dict[str, Callable[[SigningKey, Claims], str]] = {
    "alg none": _unsigned,
    "key confusion": _confused,
    "unknown kid": lambda key, claims: signed(key, claims, kid="elsewhere"),
    "no kid": lambda key, claims: jwt.encode(claims, key.private, "EdDSA", {"typ": TYPE}),
    "another key": lambda key, claims: signed(SigningKey.generate(), claims, kid=key.kid),
    "no exp": lambda key, claims: signed(key, {k: v for k, v in claims.items() if k != "exp"}),
    "no sub": lambda key, claims: signed(key, {k: v for k, v in claims.items() if k != "sub"}),
    "expired": lambda key, claims: signed(key, claims | _times(-2000)),
    "not yet": lambda key, claims: signed(key, claims | _times(2000)),
    "far-future exp": lambda key, claims: signed(key, claims | {"exp": int(time.time()) + 10**9}),
    "exp as text": lambda key, claims: signed(key, claims | {"exp": str(int(time.time()) + 60)}),
    "exp as float": lambda key, claims: signed(key, claims | {"exp": time.time() + 60.5}),
    "wrong audience": lambda key, claims: signed(key, claims | {"aud": "leads"}),
    "audiences": lambda key, claims: signed(key, claims | {"aud": [AUDIENCE, "x"]}),
    "wrong issuer": lambda key, claims: signed(key, claims | {"iss": "https://elsewhere.example"}),
    "wrong type": lambda key, claims: signed(key, claims, typ="JWT"),
    "crit": lambda key, claims: signed(key, claims, crit=["exp"]),
    "unknown session": lambda key, claims: signed(key, claims | {"gid": str(uuid4())}),
    "session of another tenant": lambda key, claims: signed(key, claims | {"tid": str(uuid4())}),
    "session as key": lambda key, claims: signed(key, claims | {"kind": "api_key"}),
    "service kind": lambda key, claims: signed(key, claims | {"kind": "service"}),
    "no tenant": lambda key, claims: signed(key, claims | {"tid": None}),
    "cut": lambda key, claims: signed(key, claims)[:-4],
    "two dots": lambda _key, _claims: "..",
    "deep": lambda _key, _claims: _b64(b"[" * 4000) + ".e30.e30",
    "long": lambda _key, _claims: "a" * 9000,
    "API key of nobody": lambda _key, _claims: "cox_" + _b64(bytes(64)),
    "damaged API key": lambda _key, _claims: "cox_%%%",
}


def _times(shift_s: int) -> Claims:
    now = int(time.time()) + shift_s
    return {"iat": now, "nbf": now, "exp": now + 900}


class TestAccessToken:
    @pytest.mark.parametrize("kind", HOSTILE)
    async def test_refused_when_hostile(self, tenant: Tenant, signing_key: SigningKey, kind: str) -> None:
        assert tenant.admin.token is not None
        claims = claims_of(tenant.admin.token)
        answer = await Client(tenant.app, HOSTILE[kind](signing_key, claims))("GET", "/v1/me")
        assert answer.status == 401
        assert answer.code in {"invalid_token", "token_expired", "grant_revoked"}
        assert answer.headers["www-authenticate"].startswith("Bearer")

    async def test_accepted_when_made_as_the_gateway_does(
        self, tenant: Tenant, signing_key: SigningKey
    ) -> None:
        assert tenant.admin.token is not None
        again = signed(signing_key, claims_of(tenant.admin.token))
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
