"""Who is asking: from the Authorization header to a principal, remembered while nothing about it changed."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from starlette.types import Scope

from services.gateway.door.freshness import Freshness
from services.gateway.door.grants import Grant, Known, load
from services.gateway.identity.access_tokens import AccessTokens
from services.gateway.identity.rules import BadClient
from services.gateway.identity.secrets import API_KEY_PREFIX, REFRESH_PREFIX, read_secret
from services.gateway.limits.limiter import Limiter
from services.gateway.partners import use_cases as partners
from shared.access.keys import SigningKey
from shared.access.principal import Principal
from shared.access.tokens import LIFETIME_S, BadToken, TokenExpired, sign_principal
from shared.clock import Clock
from shared.database.transactions import Access, Database
from shared.errors import Unauthenticated

KNOWN = "cox.known"
_MOST = 20_000
# A service token is not used to its very end: clocks differ, and requests take time.
_USED_S = LIFETIME_S - 15


@dataclass(frozen=True, slots=True)
class _Entry:
    grant: Grant
    expires_at: datetime | None


class Authenticator:
    """One per process. Calling it with a request's scope says who sent it, and counts the request."""

    def __init__(
        self, database: Database, tokens: AccessTokens, freshness: Freshness, limiter: Limiter,
        key: SigningKey, clock: Clock,
    ) -> None:  # fmt: skip
        self._database = database
        self._tokens = tokens
        self._freshness = freshness
        self._limiter = limiter
        self._key = key
        self._clock = clock
        self._entries: dict[str, _Entry] = {}
        self._known: dict[Grant, Known] = {}
        self._loading: dict[Grant, asyncio.Task[Known]] = {}

    async def __call__(self, scope: Scope) -> Principal:
        """Raises Unauthenticated, TooManyRequests, or Unavailable."""
        token = bearer(scope)
        if token is None:
            raise Unauthenticated("Send Authorization: Bearer with an access token or an API key")
        known = await self.known(token)
        await self._limiter.admit(str(known.principal.id))
        scope[KNOWN] = known
        scope["cox.token_until"] = self._entries[token].expires_at
        if known.grant.kind == "user":
            scope["cox.session_id"] = known.grant.id
        return known.principal

    async def known(self, token: str) -> Known:
        """Who a token stands for, as of now."""
        entry = self._entries.get(token)
        if entry is None:
            entry = await self._read(token)
            _put(self._entries, token, entry)
        if entry.expires_at is not None and entry.expires_at <= self._clock.now():
            self._entries.pop(token, None)
            raise TokenExpired
        return await self.current(entry.grant)

    async def current(self, grant: Grant) -> Known:
        """A grant as of now. Raises GrantGone."""
        await self._freshness.ensure()
        known = self._known.get(grant)
        if known is not None and self._holds(known):
            return known
        # Many requests of one principal load it once.
        loading = self._loading.get(grant)
        if loading is None:
            loading = asyncio.create_task(self._load(grant))
            self._loading[grant] = loading
            loading.add_done_callback(lambda _: self._loading.pop(grant, None))
        return await asyncio.shield(loading)

    def _holds(self, known: Known) -> bool:
        principal = known.principal
        return (
            self._freshness.version(principal.tenant_id) <= principal.org_version
            and known.until > self._clock.now()
            and not self._freshness.has_ended(known.grant.id)
        )

    async def _load(self, grant: Grant) -> Known:
        self._known.pop(grant, None)
        known = await load(self._database, grant, self._clock.now())
        _put(self._known, grant, known)
        return known

    async def _read(self, token: str) -> _Entry:
        if token.startswith(API_KEY_PREFIX):
            tenant_id, key_id = await self._key_of(token)
            return _Entry(Grant("api_key", tenant_id, key_id), None)
        if token.startswith(REFRESH_PREFIX):
            raise BadToken("That is a refresh token: exchange it at POST /v1/auth/token")
        claims = await self._tokens.read(token)
        return _Entry(Grant(claims.kind, claims.tenant_id, claims.grant_id), claims.expires_at)

    async def _key_of(self, text: str) -> tuple[UUID, UUID]:
        secret = read_secret(API_KEY_PREFIX, text)
        if secret is not None:
            async with self._database.transaction(Access(secret.tenant_id)) as tx:
                key = await partners.key_by_secret(tx, secret, self._clock.now())
            if key is not None:
                return secret.tenant_id, key.id
        raise BadToken("There is no such API key, or it was revoked")

    def caller(self, scope: Scope) -> Listening:
        """Who sent a request, for as long as they listen to its answer."""
        return Listening(self, scope[KNOWN].grant)

    def until(self, scope: Scope) -> datetime | None:
        """When the request's token ends; None for API keys."""
        found: datetime | None = scope["cox.token_until"]
        return found

    async def client(self, client_id: str, secret: str) -> tuple[UUID, UUID]:
        """The API key of OAuth client credentials: its id, and the key itself as secret. Raises BadClient."""
        try:
            tenant_id, key_id = await self._key_of(secret)
        except BadToken:
            raise BadClient from None
        if str(key_id) != client_id.lower():
            raise BadClient
        return tenant_id, key_id

    def service_token(self, known: Known, audience: str) -> str:
        """What a service is told about a principal; the same token while it is fresh and nothing changed."""
        kept = known.service_tokens.get(audience)
        now = time.time()
        if kept is not None and now < kept[1]:
            return kept[0]
        token = sign_principal(self._key, known.principal, audience, now=now)
        known.service_tokens[audience] = (token, now + _USED_S)
        return token


@dataclass(frozen=True, slots=True)
class Listening:
    """Somebody whose request is still being answered."""

    authenticator: Authenticator
    grant: Grant

    async def principal(self) -> Principal:
        """As they are now. Raises GrantGone."""
        return (await self.authenticator.current(self.grant)).principal


def _put(cache: dict, key: object, value: object) -> None:  # type: ignore[type-arg]
    """Keep, and forget the oldest beyond the bound."""
    cache[key] = value
    if len(cache) > _MOST:
        del cache[next(iter(cache))]


def bearer(scope: Scope) -> str | None:
    """The credential of the one Authorization header; None where there is none."""
    found: list[bytes] = [value for name, value in scope["headers"] if name == b"authorization"]
    if not found:
        return None
    if len(found) > 1:
        raise BadToken("There is more than one Authorization header")
    scheme, _, token = found[0].partition(b" ")
    if scheme.lower() != b"bearer" or not token.strip().isascii():
        raise BadToken("Authorization is Bearer with an access token or an API key")
    return token.strip().decode("ascii")
