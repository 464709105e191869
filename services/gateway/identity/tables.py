"""Accounts, sessions, refresh tokens: hashes only, never a password or a token."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import (
    Boolean,
    Column,
    DateTime,
    ForeignKeyConstraint,
    Index,
    LargeBinary,
    Row,
    Table,
    Text,
    Uuid,
    and_,
    insert,
    select,
    text,
    update,
)

from services.gateway.identity.rules import Account, Issued, Session
from services.gateway.metadata import metadata
from shared.database.transactions import Tx

_TIME = DateTime(timezone=True)

accounts = Table(
    "accounts",
    metadata,
    Column("tenant_id", Uuid, primary_key=True),
    Column("user_id", Uuid, primary_key=True),
    # One person signs in with an e-mail alone, before any tenant is known: it is unique in the installation.
    Column("email", Text, nullable=False, unique=True),
    Column("password_hash", Text),
    Column("enabled", Boolean, nullable=False),
    Column("password_changed_at", _TIME),
    Column("created_at", _TIME, nullable=False),
)

sessions = Table(
    "sessions",
    metadata,
    Column("tenant_id", Uuid, primary_key=True),
    Column("id", Uuid, primary_key=True),
    Column("user_id", Uuid, nullable=False),
    Column("created_at", _TIME, nullable=False),
    Column("last_used_at", _TIME, nullable=False),
    Column("expires_at", _TIME, nullable=False),
    Column("revoked_at", _TIME),
    Column("address", Text),
    Column("user_agent", Text),
    ForeignKeyConstraint(["tenant_id", "user_id"], ["accounts.tenant_id", "accounts.user_id"]),
    Index("ix_sessions_user", "tenant_id", "user_id"),
    Index("ix_sessions_revoked", "revoked_at"),
)

refresh_tokens = Table(
    "refresh_tokens",
    metadata,
    Column("tenant_id", Uuid, primary_key=True),
    Column("id", Uuid, primary_key=True),
    Column("session_id", Uuid, nullable=False),
    Column("token_hash", LargeBinary, nullable=False),
    Column("issued_at", _TIME, nullable=False),
    Column("used_at", _TIME),
    ForeignKeyConstraint(["tenant_id", "session_id"], ["sessions.tenant_id", "sessions.id"]),
    Index("ix_refresh_tokens_session", "tenant_id", "session_id"),
)

_SESSION = (
    sessions.c.id,
    sessions.c.user_id,
    sessions.c.created_at,
    sessions.c.last_used_at,
    sessions.c.expires_at,
    sessions.c.revoked_at,
    sessions.c.address,
    sessions.c.user_agent,
)


def _account(row: Row[*tuple[Any, ...]]) -> Account:
    return Account(row.tenant_id, row.user_id, row.email, row.password_hash, row.enabled)


async def account_by_email(tx: Tx, email: str) -> Account | None:
    """Looked up before a tenant is known: row-level security lets this one row through, by its e-mail."""
    await tx.conn.execute(text("select set_config('cox.sign_in', :email, true)"), {"email": email})
    row = (await tx.conn.execute(select(accounts).where(accounts.c.email == email))).one_or_none()
    return _account(row) if row else None


async def account_of(tx: Tx, user_id: UUID) -> Account | None:
    where = and_(accounts.c.tenant_id == tx.tenant_id, accounts.c.user_id == user_id)
    row = (await tx.conn.execute(select(accounts).where(where).with_for_update())).one_or_none()
    return _account(row) if row else None


async def emails_of(tx: Tx, user_ids: list[UUID]) -> dict[UUID, str]:
    where = and_(accounts.c.tenant_id == tx.tenant_id, accounts.c.user_id.in_(user_ids))
    rows = await tx.conn.execute(select(accounts.c.user_id, accounts.c.email).where(where))
    return {row.user_id: row.email for row in rows}


async def users_of_emails(tx: Tx, emails: list[str]) -> dict[str, UUID]:
    where = and_(accounts.c.tenant_id == tx.tenant_id, accounts.c.email.in_(emails))
    rows = await tx.conn.execute(select(accounts.c.user_id, accounts.c.email).where(where))
    return {row.email: row.user_id for row in rows}


async def insert_account(
    tx: Tx, user_id: UUID, email: str, *, password_hash: str | None, enabled: bool, now: datetime
) -> None:
    """Raises SQLAlchemy's IntegrityError where the e-mail is in use."""
    await tx.conn.execute(
        insert(accounts).values(
            tenant_id=tx.tenant_id,
            user_id=user_id,
            email=email,
            password_hash=password_hash,
            enabled=enabled,
            password_changed_at=now if password_hash else None,
            created_at=now,
        )
    )


async def update_account(tx: Tx, user_id: UUID, **values: Any) -> None:
    where = and_(accounts.c.tenant_id == tx.tenant_id, accounts.c.user_id == user_id)
    await tx.conn.execute(update(accounts).where(where).values(**values))


async def insert_session(tx: Tx, session: Session) -> None:
    await tx.conn.execute(
        insert(sessions).values(
            tenant_id=tx.tenant_id,
            id=session.id,
            user_id=session.user_id,
            created_at=session.created_at,
            last_used_at=session.last_used_at,
            expires_at=session.expires_at,
            address=session.address,
            user_agent=session.user_agent,
        )
    )


async def use_session(tx: Tx, session_id: UUID, *, now: datetime, expires_at: datetime) -> None:
    where = and_(sessions.c.tenant_id == tx.tenant_id, sessions.c.id == session_id)
    await tx.conn.execute(update(sessions).where(where).values(last_used_at=now, expires_at=expires_at))


async def insert_refresh_token(
    tx: Tx, token_id: UUID, session_id: UUID, token_hash: bytes, now: datetime
) -> None:
    await tx.conn.execute(
        insert(refresh_tokens).values(
            tenant_id=tx.tenant_id, id=token_id, session_id=session_id, token_hash=token_hash, issued_at=now
        )
    )


async def lock_refresh_token(tx: Tx, token_id: UUID, token_hash: bytes) -> Issued | None:
    """The token with its session; the second of two simultaneous uses waits, then finds it used."""
    query = (
        select(*_SESSION, refresh_tokens.c.used_at, accounts.c.enabled)
        .join(
            sessions,
            and_(
                sessions.c.tenant_id == refresh_tokens.c.tenant_id,
                sessions.c.id == refresh_tokens.c.session_id,
            ),
        )
        .join(
            accounts,
            and_(accounts.c.tenant_id == sessions.c.tenant_id, accounts.c.user_id == sessions.c.user_id),
        )
        .where(
            refresh_tokens.c.tenant_id == tx.tenant_id,
            refresh_tokens.c.id == token_id,
            refresh_tokens.c.token_hash == token_hash,
        )
        .with_for_update(of=[refresh_tokens, sessions])
    )
    row = (await tx.conn.execute(query)).one_or_none()
    if row is None:
        return None
    return Issued(Session(*row[:-2]), used_at=row.used_at, enabled=row.enabled)


async def mark_used(tx: Tx, token_id: UUID, now: datetime) -> None:
    where = and_(refresh_tokens.c.tenant_id == tx.tenant_id, refresh_tokens.c.id == token_id)
    await tx.conn.execute(update(refresh_tokens).where(where).values(used_at=now))


async def revoke_sessions(
    tx: Tx,
    now: datetime,
    *,
    session_id: UUID | None = None,
    user_id: UUID | None = None,
    keep: UUID | None = None,
) -> list[UUID]:
    """End one session, or all of a user but `keep`; the ids of those that ended now."""
    where = [sessions.c.tenant_id == tx.tenant_id, sessions.c.revoked_at.is_(None)]
    if session_id is not None:
        where.append(sessions.c.id == session_id)
    if user_id is not None:
        where.append(sessions.c.user_id == user_id)
    if keep is not None:
        where.append(sessions.c.id != keep)
    statement = update(sessions).where(*where).values(revoked_at=now).returning(sessions.c.id)
    return list((await tx.conn.scalars(statement)).all())


async def load_session(tx: Tx, session_id: UUID) -> Session | None:
    where = and_(sessions.c.tenant_id == tx.tenant_id, sessions.c.id == session_id)
    row = (await tx.conn.execute(select(*_SESSION).where(where))).one_or_none()
    return Session(*row) if row else None


async def page_sessions(
    tx: Tx, user_id: UUID, now: datetime, *, after: UUID | None, limit: int
) -> list[Session]:
    """Live sessions of a user, oldest first."""
    where = [
        sessions.c.tenant_id == tx.tenant_id,
        sessions.c.user_id == user_id,
        sessions.c.revoked_at.is_(None),
        sessions.c.expires_at > now,
    ]
    if after is not None:
        where.append(sessions.c.id > after)
    rows = await tx.conn.execute(select(*_SESSION).where(*where).order_by(sessions.c.id).limit(limit))
    return [Session(*row) for row in rows]
