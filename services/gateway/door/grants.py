"""What a token stands on: a session or an API key. Loaded with the rights of its person as they are now."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Literal
from uuid import UUID

from services.gateway.identity import use_cases as identity
from services.gateway.org import use_cases as org
from services.gateway.org.rules import User, principal_of
from services.gateway.partners import use_cases as partners
from services.gateway.partners.rules import effective_scopes
from services.gateway.tenancy import use_cases as tenancy
from shared.access.principal import Principal
from shared.access.tokens import BadToken
from shared.database.transactions import Access, Database, Tx
from shared.errors import NotFound

_FOREVER = datetime(9999, 1, 1, tzinfo=UTC)


class GrantGone(BadToken):
    code = "grant_revoked"
    title = "The session or key behind this token has ended"


@dataclass(frozen=True, slots=True)
class Grant:
    """`id` is that of the session or key."""

    kind: Literal["user", "api_key"]
    tenant_id: UUID
    id: UUID


@dataclass(slots=True)
class Known:
    """A grant as loaded: good until `until`, or until its tenant's org passes `principal.org_version`.

    `service_tokens` are what the services were told about this principal: token and end, by audience.
    """

    grant: Grant
    principal: Principal
    until: datetime
    service_tokens: dict[str, tuple[str, float]] = field(default_factory=dict)


async def load(database: Database, grant: Grant, now: datetime) -> Known:
    """Raises GrantGone where the session, the key or the person behind it is no more."""
    async with database.transaction(Access(grant.tenant_id)) as tx:
        try:
            # First the version, then what it covers: what changes in between is loaded again.
            version = (await tenancy.present_tenant(tx)).version
            if grant.kind == "user":
                return await _session(tx, grant, version, now)
            return await _key(tx, grant, version, now)
        except NotFound:
            raise GrantGone from None


async def _session(tx: Tx, grant: Grant, version: int, now: datetime) -> Known:
    session = await identity.live_session(tx, grant.id, now)
    if session is None:
        raise GrantGone
    user = await _active(tx, session.user_id)
    return Known(grant, principal_of(grant.tenant_id, user, version), session.expires_at)


async def _key(tx: Tx, grant: Grant, version: int, now: datetime) -> Known:
    key = await partners.live_key(tx, grant.id, now)
    if key is None:
        raise GrantGone
    owner = await _active(tx, key.user_id)
    person = principal_of(grant.tenant_id, owner, version)
    scopes = effective_scopes(key.scopes, person.scopes)
    principal = replace(person, id=key.id, kind="api_key", scopes=scopes, is_rep=False)
    return Known(grant, principal, key.expires_at or _FOREVER)


async def _active(tx: Tx, user_id: UUID) -> User:
    user = await org.user_of(tx, user_id)
    if not user.active:
        raise GrantGone
    return user
