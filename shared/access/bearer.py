"""From `Authorization: Bearer …` to the principal, at a service behind the gateway."""

from __future__ import annotations

from starlette.datastructures import Headers
from starlette.types import Scope

from shared.access.freshness import Freshness
from shared.access.principal import Principal
from shared.access.tokens import TokenVerifier
from shared.errors import Unauthenticated


def bearer_of(scope: Scope) -> str:
    """The token of the one Authorization header. Raises Unauthenticated."""
    given = Headers(scope=scope).getlist("authorization")
    if len(given) != 1:
        raise Unauthenticated("Send one Authorization header: Bearer, then a token")
    kind, _, token = given[0].partition(" ")
    if kind.lower() != "bearer" or not token.strip():
        raise Unauthenticated("The Authorization header is: Bearer, then a token")
    return token.strip()


class ServiceTokens:
    """Accepts the gateway's tokens, unless the directory knows better by now."""

    def __init__(self, verifier: TokenVerifier, freshness: Freshness) -> None:
        self._verifier = verifier
        self._freshness = freshness

    async def __call__(self, scope: Scope) -> Principal:
        """Raises Unauthenticated (401), or Unavailable (503)."""
        principal = await self._verifier.verify(bearer_of(scope))
        await self._freshness.check(principal)
        return principal
