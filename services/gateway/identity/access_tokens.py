"""Access tokens, which clients carry for 15 minutes; type, issuer and audience are unlike service tokens'."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal
from uuid import UUID

from services.gateway.identity.rules import ACCESS_LIFETIME
from shared.access.keys import FixedKeys, SigningKey
from shared.access.tokens import BadToken, decode, encode

TYPE = "at+jwt"
AUDIENCE = "coxswain"
LIFETIME_S = int(ACCESS_LIFETIME.total_seconds())

Kind = Literal["user", "api_key"]


@dataclass(frozen=True, slots=True)
class AccessClaims:
    """`grant_id` is what the token stands on and dies with: a session, or an API key."""

    tenant_id: UUID
    subject_id: UUID
    kind: Kind
    grant_id: UUID
    expires_at: datetime


class AccessTokens:
    """Signs and checks the tokens of one installation; `issuer` is its public address."""

    def __init__(self, key: SigningKey, issuer: str) -> None:
        self._key = key
        self._keys = FixedKeys(key)
        self._issuer = issuer

    def issue(self, tenant_id: UUID, subject_id: UUID, kind: Kind, grant_id: UUID, now: datetime) -> str:
        """A token for a user in a session, or for an API key (which is its own grant)."""
        issued = int(now.timestamp())
        claims = {
            "iss": self._issuer,
            "aud": AUDIENCE,
            "sub": str(subject_id),
            "iat": issued,
            "nbf": issued,
            "exp": issued + LIFETIME_S,
            "tid": str(tenant_id),
            "kind": kind,
            "gid": str(grant_id),
        }
        return encode(self._key, TYPE, claims)

    async def read(self, token: str) -> AccessClaims:
        """Raises BadToken or TokenExpired."""
        claims = await decode(
            token, self._keys, typ=TYPE, issuer=self._issuer, audience=AUDIENCE, max_lifetime_s=LIFETIME_S
        )
        return _claims(claims)


def _claims(claims: dict[str, Any]) -> AccessClaims:
    try:
        kind = claims["kind"]
        if kind not in ("user", "api_key"):
            raise ValueError(kind)
        return AccessClaims(
            tenant_id=UUID(claims["tid"]),
            subject_id=UUID(claims["sub"]),
            kind=kind,
            grant_id=UUID(claims["gid"]),
            expires_at=datetime.fromtimestamp(claims["exp"], UTC),
        )
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError):
        raise BadToken("Its claims about who is asking are not as they should be") from None
