"""Tokens that somebody made up, stole or kept too long, made from the claims of a good one."""

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
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from shared.access.keys import SigningKey

Claims = dict[str, Any]
Forge = Callable[[SigningKey, Claims, str], str]
"""From the installation's key, good claims and the token's type to a hostile token."""


def claims_of(token: str) -> Claims:
    """What a token says, unchecked."""
    found: Claims = jwt.decode(token, options={"verify_signature": False})
    return found


def signed(key: SigningKey, claims: Claims, typ: str, **header: Any) -> str:
    """A token as its issuer would make it, but for what is given."""
    return jwt.encode(claims, key.private, algorithm="EdDSA", headers={"typ": typ, "kid": key.kid} | header)


def _b64(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def _unsigned(key: SigningKey, claims: Claims, typ: str) -> str:
    header = {"alg": "none", "typ": typ, "kid": key.kid}
    return f"{_b64(orjson.dumps(header))}.{_b64(orjson.dumps(claims))}."


def _confused(key: SigningKey, claims: Claims, typ: str) -> str:
    """An HMAC whose secret is our public key, which everybody knows."""
    public = key.private.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    header = {"alg": "HS256", "typ": typ, "kid": key.kid}
    head = f"{_b64(orjson.dumps(header))}.{_b64(orjson.dumps(claims))}"
    return f"{head}.{_b64(hmac.new(public, head.encode(), hashlib.sha256).digest())}"


def _own_key(key: SigningKey, claims: Claims, typ: str) -> str:
    """Signed by a key that the token brings along."""
    other = SigningKey.generate()
    return signed(other, claims, typ, kid=key.kid, jwk=other.jwk())


def _without(name: str) -> Forge:
    return lambda key, claims, typ: signed(key, {k: v for k, v in claims.items() if k != name}, typ)


def _with(**changed: Any) -> Forge:
    return lambda key, claims, typ: signed(key, claims | changed, typ)


def _at(shift_s: int) -> Forge:
    """Good for as long as others, but at another time."""

    def forge(key: SigningKey, claims: Claims, typ: str) -> str:
        now, lifetime = int(time.time()) + shift_s, claims["exp"] - claims["iat"]
        return signed(key, claims | {"iat": now, "nbf": now, "exp": now + lifetime}, typ)

    return forge


ANY_TOKEN: dict[str, Forge] = {
    "alg none": _unsigned,
    "key confusion": _confused,
    "key of its own": _own_key,
    "unknown kid": lambda key, claims, typ: signed(key, claims, typ, kid="elsewhere"),
    "kid as path": lambda key, claims, typ: signed(key, claims, typ, kid="../../../../dev/null"),
    "no kid": lambda key, claims, typ: jwt.encode(claims, key.private, "EdDSA", {"typ": typ}),
    "another key": lambda key, claims, typ: signed(SigningKey.generate(), claims, typ, kid=key.kid),
    "no exp": _without("exp"),
    "no nbf": _without("nbf"),
    "no aud": _without("aud"),
    "no sub": _without("sub"),
    "expired": _at(-2000),
    "not yet": _at(2000),
    "far-future exp": lambda key, claims, typ: signed(key, claims | {"exp": int(time.time()) + 10**9}, typ),
    "exp beyond all": _with(exp=10**23),
    "exp as text": lambda key, claims, typ: signed(key, claims | {"exp": str(int(time.time()) + 60)}, typ),
    "exp as float": lambda key, claims, typ: signed(key, claims | {"exp": time.time() + 60.5}, typ),
    "wrong audience": _with(aud="somewhere"),
    "audiences": lambda key, claims, typ: signed(key, claims | {"aud": [claims["aud"], "x"]}, typ),
    "wrong issuer": _with(iss="https://elsewhere.example"),
    "wrong type": lambda key, claims, _typ: signed(key, claims, "JWT"),
    "crit": lambda key, claims, typ: signed(key, claims, typ, crit=["exp"]),
    "no tenant": _with(tid=None),
    "unknown kind": _with(kind="root"),
    "cut": lambda key, claims, typ: signed(key, claims, typ)[:-4],
    "two dots": lambda _key, _claims, _typ: "..",
    "deep": lambda _key, _claims, _typ: _b64(b"[" * 4000) + ".e30.e30",
    "long": lambda _key, _claims, _typ: "a" * 9000,
}
"""What is wrong with a token of either type."""

ACCESS_TOKEN: dict[str, Forge] = ANY_TOKEN | {
    "audience of a service": _with(aud="leads"),
    "unknown session": _with(gid=str(uuid4())),
    "session of another tenant": _with(tid=str(uuid4())),
    "session as key": _with(kind="api_key"),
    "service kind": _with(kind="service"),
    "API key of nobody": lambda _key, _claims, _typ: "cox_" + _b64(bytes(64)),
    "damaged API key": lambda _key, _claims, _typ: "cox_%%%",
}
"""What is wrong with what a client sends to the gateway."""

SERVICE_TOKEN: dict[str, Forge] = ANY_TOKEN | {
    "audience of the gateway": _with(aud="gateway"),
    "unknown visibility": _with(vis="everything"),
    "no rights": _without("scopes"),
}
"""What is wrong with what the gateway would send to a service."""
