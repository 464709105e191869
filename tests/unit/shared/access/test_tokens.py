from __future__ import annotations

import base64
import hashlib
import hmac
import json
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from shared.access import tokens
from shared.access.keys import FixedKeys, SigningKey, load_or_make
from shared.access.principal import MissingScope, Principal, service_principal
from shared.access.roles import ROLES, SCOPES, scopes_of, visibility_of
from shared.access.tokens import BadToken, TokenExpired, TokenVerifier, encode, sign_principal
from shared.ids import new_id

KEY = SigningKey.generate()
REP = Principal(
    tenant_id=new_id(), id=new_id(), kind="api_key", user_id=new_id(), roles=frozenset({"rep"}),
    scopes=frozenset({"leads:read"}), visibility="team", unit_id=new_id(), org_version=9, is_rep=True,
)  # fmt: skip


def verifier(audience: str = "leads", *keys: SigningKey) -> TokenVerifier:
    return TokenVerifier(audience, FixedKeys(*(keys or (KEY,))))


class In(int):
    """So many seconds from when the test runs, which may be long after it was collected."""


def claims(**changes: Any) -> dict[str, Any]:
    now = int(time.time())
    found = jwt.decode(sign_principal(KEY, REP, "leads"), options={"verify_signature": False})
    changed = {name: now + value if isinstance(value, In) else value for name, value in changes.items()}
    return {name: value for name, value in (found | {"iat": now} | changed).items() if value != "absent"}


def raw_token(header: dict[str, Any], payload: dict[str, Any], signature: bytes) -> str:
    parts = [json.dumps(header).encode(), json.dumps(payload).encode(), signature]
    return ".".join(base64.urlsafe_b64encode(part).rstrip(b"=").decode() for part in parts)


class TestVerify:
    @pytest.mark.parametrize("principal", [REP, service_principal(new_id(), new_id(), 3)])
    async def test_principal_comes_back_whole_when_the_token_is_good(self, principal: Principal) -> None:
        check = verifier()
        token = sign_principal(KEY, principal, "leads")
        assert await check.verify(token) == principal
        assert await check.verify(token) == principal

    @pytest.mark.parametrize(
        "changes",
        [
            {"aud": "scoring"},
            {"aud": ["leads"]},
            {"aud": "absent"},
            {"exp": "absent"},
            {"iat": "absent"},
            {"nbf": "absent"},
            {"sub": "absent"},
            {"iss": "absent"},
            {"iss": "somebody"},
            {"exp": In(3600)},
            {"exp": In(61), "iat": In(-30)},
            {"exp": float("1e300")},
            {"exp": "9" * 30},
            {"exp": True},
            {"nbf": In(600)},
            {"iat": In(600), "exp": In(650)},
            {"kind": "root"},
            {"vis": "everything"},
            {"tid": "x"},
            {"ov": None},
            {"scopes": None},
            {"unit": 5},
        ],
    )
    async def test_refused_when_a_claim_is_not_as_it_should_be(self, changes: dict[str, Any]) -> None:
        with pytest.raises(BadToken):
            await verifier().verify(encode(KEY, tokens.TYPE, claims(**changes)))

    @pytest.mark.parametrize("typ", ["JWT", "cox-access+jwt", ""])
    async def test_refused_when_of_another_type(self, typ: str) -> None:
        with pytest.raises(BadToken):
            await verifier().verify(encode(KEY, typ, claims()))

    async def test_refused_when_the_key_is_unknown(self) -> None:
        with pytest.raises(BadToken):
            await verifier().verify(sign_principal(SigningKey.generate(), REP, "leads"))

    async def test_refused_when_another_key_borrows_a_known_id(self) -> None:
        thief = replace(SigningKey.generate(), kid=KEY.kid)
        with pytest.raises(BadToken):
            await verifier().verify(sign_principal(thief, REP, "leads"))

    async def test_refused_when_the_algorithm_is_none_or_the_public_key_is_used_as_a_secret(self) -> None:
        header = {"typ": tokens.TYPE, "kid": KEY.kid}
        public = KEY.private.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
        for algorithm in ("none", "None", "HS256", "ES256", ""):
            unsigned = raw_token(header | {"alg": algorithm}, claims(), b"").rsplit(".", 1)[0]
            signature = hmac.new(public, unsigned.encode(), hashlib.sha256).digest()
            for made in (b"", signature):
                with pytest.raises(BadToken):
                    await verifier().verify(raw_token(header | {"alg": algorithm}, claims(), made))

    async def test_refused_when_the_payload_was_changed(self) -> None:
        header, _, signature = sign_principal(KEY, REP, "leads").split(".")
        payload = base64.urlsafe_b64encode(json.dumps(claims(vis="tenant")).encode()).rstrip(b"=").decode()
        with pytest.raises(BadToken):
            await verifier().verify(f"{header}.{payload}.{signature}")

    @pytest.mark.parametrize("text", ["", ".", "..", "a.b.c", "x" * 9000, "é.é.é", "e30.e30.e30", "\0"])
    async def test_refused_when_no_token_at_all(self, text: str) -> None:
        with pytest.raises(BadToken):
            await verifier().verify(text)

    async def test_expired_when_its_minute_is_over_even_if_known(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        check = verifier()
        token = sign_principal(KEY, REP, "leads")
        await check.verify(token)
        later = time.time() + tokens.LIFETIME_S + tokens.LEEWAY_S + 1
        monkeypatch.setattr(time, "time", lambda: later)
        with pytest.raises(TokenExpired):
            await check.verify(token)
        with pytest.raises(TokenExpired):
            await verifier().verify(encode(KEY, tokens.TYPE, claims(iat=1000, nbf=1000, exp=1060)))

    async def test_memory_stays_bounded_when_tokens_are_many(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(tokens, "MAX_CACHED", 3)
        check = verifier()
        for _ in range(10):
            await check.verify(sign_principal(KEY, replace(REP, id=new_id()), "leads"))
        assert len(check._known) <= 3


class TestKeys:
    def test_the_same_key_when_loaded_again(self, tmp_path: Path) -> None:
        path = tmp_path / "deep" / "signing.pem"
        assert load_or_make(path).kid == load_or_make(path).kid
        assert path.stat().st_mode & 0o777 == 0o600
        assert [entry.name for entry in path.parent.iterdir()] == ["signing.pem"]


class TestRoles:
    def test_admin_may_everything_and_every_role_has_known_scopes(self) -> None:
        assert scopes_of(["admin"]) == set(SCOPES)
        assert all(role.scopes <= set(SCOPES) for role in ROLES.values())

    def test_widest_visibility_counts_when_roles_are_several(self) -> None:
        assert visibility_of(["rep", "manager", "supervisor"]) == "subtree"
        assert visibility_of([]) == visibility_of(["stranger"]) == "own"
        assert scopes_of(["stranger"]) == frozenset()

    def test_refused_when_the_scope_is_missing(self) -> None:
        REP.require("leads:read")
        with pytest.raises(MissingScope):
            REP.require("leads:write")
        replace(REP, scopes=frozenset({"admin"})).require("leads:write")
