"""Service tokens: for 60 s the gateway's word to one service about who is asking."""

from __future__ import annotations

import time
from typing import Any, cast
from uuid import UUID

import jwt

from shared.access.keys import KeySource, SigningKey
from shared.access.principal import Kind, Principal
from shared.database.transactions import Visibility
from shared.errors import Unauthenticated

ISSUER = "coxswain-gateway"
TYPE = "cox+jwt"
ALGORITHM = "EdDSA"
LIFETIME_S = 60
LEEWAY_S = 5
MAX_LENGTH = 8192
MAX_CACHED = 20_000
_REQUIRED = ["exp", "iat", "nbf", "iss", "aud", "sub"]


class BadToken(Unauthenticated):
    code = "invalid_token"
    title = "The token is not good"


class TokenExpired(BadToken):
    code = "token_expired"
    title = "The token has expired"


def encode(key: SigningKey, typ: str, claims: dict[str, Any]) -> str:
    """A signed token of that type; the claims are as given."""
    return jwt.encode(claims, key.private, algorithm=ALGORITHM, headers={"typ": typ, "kid": key.kid})


async def decode(
    token: str, keys: KeySource, *, typ: str, issuer: str, audience: str, max_lifetime_s: int
) -> dict[str, Any]:
    """The claims of a token that is exactly of this kind. Raises BadToken or TokenExpired.

    One algorithm, a known key, the type, issuer and audience that were asked for, all time claims present,
    and no longer life than such tokens are given.
    """
    header = _header(token)
    if header.get("alg") != ALGORITHM or header.get("typ") != typ or "crit" in header:
        raise _bad("It is not of the kind expected here")
    kid = header.get("kid")
    key = await keys.key(kid) if isinstance(kid, str) else None
    if key is None:
        raise _bad("It is signed by a key not known here")
    try:
        claims = jwt.decode(
            token,
            key,
            algorithms=[ALGORITHM],
            audience=audience,
            issuer=issuer,
            leeway=LEEWAY_S,
            options={"require": _REQUIRED, "strict_aud": True},
        )
    except jwt.ExpiredSignatureError:
        raise TokenExpired(headers=_challenge("expired")) from None
    except (jwt.PyJWTError, ValueError, OverflowError):
        raise _bad("Its signature or claims do not hold") from None
    if not all(type(claims[name]) is int for name in ("exp", "iat", "nbf")):
        raise _bad("Its times are not whole seconds")
    if claims["exp"] - claims["iat"] > max_lifetime_s:
        raise _bad("It lives longer than such tokens may")
    return claims


def _header(token: str) -> dict[str, Any]:
    if len(token) > MAX_LENGTH or not token.isascii():
        raise _bad("It is not a token")
    try:
        return jwt.get_unverified_header(token)
    except (jwt.PyJWTError, ValueError, RecursionError):
        raise _bad("It is not a token") from None


def _bad(detail: str) -> BadToken:
    return BadToken(detail, headers=_challenge("invalid"))


def _challenge(what: str) -> dict[str, str]:
    return {"WWW-Authenticate": f'Bearer error="invalid_token", error_description="{what}"'}


def sign_principal(key: SigningKey, principal: Principal, audience: str, *, now: float | None = None) -> str:
    """A token that tells the service `audience` who is asking; good for LIFETIME_S seconds from `now`."""
    issued = int(time.time() if now is None else now)
    claims = {
        "iss": ISSUER,
        "aud": audience,
        "sub": str(principal.id),
        "iat": issued,
        "nbf": issued,
        "exp": issued + LIFETIME_S,
        "tid": str(principal.tenant_id),
        "kind": principal.kind,
        "uid": None if principal.user_id is None else str(principal.user_id),
        "roles": sorted(principal.roles),
        "scopes": sorted(principal.scopes),
        "vis": principal.visibility,
        "unit": None if principal.unit_id is None else str(principal.unit_id),
        "ov": principal.org_version,
        "rep": principal.is_rep,
    }
    return encode(key, TYPE, claims)


def _principal(claims: dict[str, Any]) -> Principal:
    try:
        if claims["kind"] not in ("user", "api_key", "service"):
            raise ValueError(claims["kind"])
        if claims["vis"] not in ("own", "team", "subtree", "tenant"):
            raise ValueError(claims["vis"])
        return Principal(
            tenant_id=UUID(claims["tid"]),
            id=UUID(claims["sub"]),
            kind=cast(Kind, claims["kind"]),
            user_id=None if claims["uid"] is None else UUID(claims["uid"]),
            roles=frozenset(claims["roles"]),
            scopes=frozenset(claims["scopes"]),
            visibility=cast(Visibility, claims["vis"]),
            unit_id=None if claims["unit"] is None else UUID(claims["unit"]),
            org_version=int(claims["ov"]),
            is_rep=claims["rep"] is True,
        )
    except (KeyError, TypeError, ValueError, AttributeError):
        raise _bad("Its claims about who is asking are not as they should be") from None


class TokenVerifier:
    """Checks the tokens sent to one service; a token once verified is remembered until it expires."""

    def __init__(self, audience: str, keys: KeySource) -> None:
        self._audience = audience
        self._keys = keys
        self._known: dict[str, tuple[Principal, float]] = {}

    async def verify(self, token: str) -> Principal:
        """Raises BadToken, TokenExpired, or KeysUnavailable."""
        known = self._known.get(token)
        if known is not None:
            if time.time() < known[1]:
                return known[0]
            self._known.pop(token, None)
            raise TokenExpired(headers=_challenge("expired"))
        claims = await decode(
            token, self._keys, typ=TYPE, issuer=ISSUER, audience=self._audience, max_lifetime_s=LIFETIME_S
        )
        principal = _principal(claims)
        self._remember(token, principal, float(claims["exp"]) + LEEWAY_S)
        return principal

    def _remember(self, token: str, principal: Principal, until: float) -> None:
        if len(self._known) >= MAX_CACHED:
            now = time.time()
            self._known = {t: entry for t, entry in self._known.items() if entry[1] > now}
            while len(self._known) >= MAX_CACHED:
                self._known.pop(next(iter(self._known)))
        self._known[token] = (principal, until)
