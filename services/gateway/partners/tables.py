"""API keys: the hash of the secret, never the secret."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    Column,
    DateTime,
    Index,
    LargeBinary,
    Row,
    Table,
    Text,
    Uuid,
    and_,
    insert,
    select,
    update,
)
from sqlalchemy.dialects.postgresql import ARRAY

from services.gateway.metadata import metadata
from services.gateway.partners.rules import ApiKey
from shared.database.transactions import Tx

_TIME = DateTime(timezone=True)

api_keys = Table(
    "api_keys",
    metadata,
    Column("tenant_id", Uuid, primary_key=True),
    Column("id", Uuid, primary_key=True),
    Column("seq", BigInteger, nullable=False),
    Column("user_id", Uuid, nullable=False),
    Column("name", Text, nullable=False),
    Column("scopes", ARRAY(Text), nullable=False),
    Column("secret_hash", LargeBinary, nullable=False),
    Column("created_at", _TIME, nullable=False),
    Column("expires_at", _TIME),
    Column("revoked_at", _TIME),
    Index("ix_api_keys_user", "tenant_id", "user_id"),
)

_KEY = (
    api_keys.c.id,
    api_keys.c.user_id,
    api_keys.c.name,
    api_keys.c.scopes,
    api_keys.c.created_at,
    api_keys.c.expires_at,
    api_keys.c.revoked_at,
    api_keys.c.seq,
)


def _key(row: Row[*tuple[Any, ...]]) -> ApiKey:
    key_id, user_id, name, scopes, created_at, expires_at, revoked_at, seq = row
    return ApiKey(key_id, user_id, name, tuple(scopes), created_at, expires_at, revoked_at, seq)


async def insert_key(tx: Tx, key: ApiKey, secret_hash: bytes) -> None:
    await tx.conn.execute(
        insert(api_keys).values(
            tenant_id=tx.tenant_id,
            id=key.id,
            seq=key.version,
            user_id=key.user_id,
            name=key.name,
            scopes=list(key.scopes),
            secret_hash=secret_hash,
            created_at=key.created_at,
            expires_at=key.expires_at,
        )
    )


async def load_key(tx: Tx, key_id: UUID, *, lock: bool = False) -> ApiKey | None:
    where = and_(api_keys.c.tenant_id == tx.tenant_id, api_keys.c.id == key_id)
    query = select(*_KEY).where(where)
    row = (await tx.conn.execute(query.with_for_update() if lock else query)).one_or_none()
    return _key(row) if row else None


async def key_by_secret(tx: Tx, key_id: UUID, secret_hash: bytes) -> ApiKey | None:
    """The key, where the secret is right."""
    where = and_(
        api_keys.c.tenant_id == tx.tenant_id, api_keys.c.id == key_id, api_keys.c.secret_hash == secret_hash
    )
    row = (await tx.conn.execute(select(*_KEY).where(where))).one_or_none()
    return _key(row) if row else None


async def mark_revoked(tx: Tx, key_ids: list[UUID], now: datetime) -> None:
    where = and_(api_keys.c.tenant_id == tx.tenant_id, api_keys.c.id.in_(key_ids))
    await tx.conn.execute(update(api_keys).where(where).values(revoked_at=now))


async def live_keys_of(tx: Tx, user_id: UUID) -> list[UUID]:
    """The keys of a user that are not revoked, locked, in id order."""
    query = (
        select(api_keys.c.id)
        .where(
            api_keys.c.tenant_id == tx.tenant_id,
            api_keys.c.user_id == user_id,
            api_keys.c.revoked_at.is_(None),
        )
        .order_by(api_keys.c.id)
        .with_for_update()
    )
    return list((await tx.conn.scalars(query)).all())


async def page_keys(tx: Tx, *, user_id: UUID | None, after: UUID | None, limit: int) -> list[ApiKey]:
    """Keys in id order, those of one user or of all."""
    where = [api_keys.c.tenant_id == tx.tenant_id]
    if user_id is not None:
        where.append(api_keys.c.user_id == user_id)
    if after is not None:
        where.append(api_keys.c.id > after)
    rows = await tx.conn.execute(select(*_KEY).where(*where).order_by(api_keys.c.id).limit(limit))
    return [_key(row) for row in rows]
