"""Issuing and revoking API keys, and telling whether one is good."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from uuid import UUID

from services.gateway.identity.secrets import API_KEY_PREFIX, Secret, make_secret
from services.gateway.partners import rules, tables
from services.gateway.partners.rules import ApiKey
from services.gateway.tenancy.use_cases import change_access
from shared.access.principal import Principal
from shared.contracts.gateway import ApiKeyIssued, ApiKeyRevoked
from shared.database.transactions import Tx
from shared.errors import NotFound
from shared.events.journal import NewEvent, record_events
from shared.ids import new_id


async def issue_key(
    tx: Tx,
    *,
    tenant_id: UUID,
    owner_id: UUID,
    name: str,
    scopes: tuple[str, ...],
    held: frozenset[str],
    expires_at: datetime | None,
    now: datetime,
) -> tuple[ApiKey, str]:
    """A key and its secret, which nobody sees again. `held` are the maker's scopes."""
    rules.check_scopes(scopes, held)
    rules.check_expiry(expires_at, now)
    wanted = tuple(sorted(set(scopes)))
    key = ApiKey(new_id(), owner_id, name, wanted, now, expires_at, None, version=1)
    text, secret = make_secret(API_KEY_PREFIX, tenant_id, key.id)
    await tables.insert_key(tx, key, secret.hash)
    issued = NewEvent(key.id, ApiKeyIssued(owner_id=owner_id, scopes=wanted), now)
    await record_events(tx, tables.api_keys, [issued], created=True)
    return key, text


async def revoke_key(tx: Tx, key_id: UUID, *, principal: Principal, now: datetime) -> ApiKey:
    """Raises NotFound, also for another's key unless an admin asks. Revoking twice changes nothing."""
    key = await tables.load_key(tx, key_id)
    if key is None or not (key.user_id == principal.user_id or principal.may("admin")):
        raise NotFound("There is no such API key")
    if key.revoked_at is not None:
        return key
    await revoke_keys(tx, [key_id], now=now)
    return replace(key, revoked_at=now, version=key.version + 1)


async def revoke_keys(tx: Tx, key_ids: list[UUID], *, now: datetime) -> None:
    """Revoke keys, and tell every service that their tokens are no longer good."""
    if not key_ids:
        return
    await tables.mark_revoked(tx, key_ids, now)
    await record_events(tx, tables.api_keys, [NewEvent(key_id, ApiKeyRevoked(), now) for key_id in key_ids])
    await change_access(tx, key_ids, revoked=True, now=now)


async def revoke_keys_of(tx: Tx, user_id: UUID, *, now: datetime) -> None:
    """All keys of a user who left."""
    await revoke_keys(tx, await tables.live_keys_of(tx, user_id), now=now)


async def key_by_secret(tx: Tx, secret: Secret, now: datetime) -> ApiKey | None:
    """The key of a presented secret, unless it is wrong, revoked or expired."""
    key = await tables.key_by_secret(tx, secret.id, secret.hash)
    return key if key is not None and key.is_live(now) else None


async def live_key(tx: Tx, key_id: UUID, now: datetime) -> ApiKey | None:
    """The key, unless it was revoked or has expired."""
    key = await tables.load_key(tx, key_id)
    return key if key is not None and key.is_live(now) else None


async def list_keys(tx: Tx, *, user_id: UUID | None, after: UUID | None, limit: int) -> list[ApiKey]:
    """Keys in id order; of one user, or of all."""
    return await tables.page_keys(tx, user_id=user_id, after=after, limit=limit)
