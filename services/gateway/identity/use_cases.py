"""Signing in, staying signed in, and ending it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy.exc import IntegrityError

from services.gateway.identity import rules, tables
from services.gateway.identity.passwords import Passwords
from services.gateway.identity.rules import Account, BadCredentials, BadRefreshToken, Session
from services.gateway.identity.secrets import REFRESH_PREFIX, make_secret, read_secret
from shared.database.transactions import Access, Database, Tx
from shared.errors import Conflict, FieldError, Forbidden, NotFound
from shared.ids import new_id


class EmailTaken(Conflict):
    code = "email_taken"
    title = "The e-mail address is in use"


class WrongPassword(Forbidden):
    code = "wrong_password"
    title = "The present password is not right"


@dataclass(frozen=True, slots=True)
class Device:
    """Where a sign-in comes from, as the owner of the account sees it in the list of sessions."""

    address: str | None
    user_agent: str | None


@dataclass(frozen=True, slots=True)
class SignedIn:
    """`refresh_token` is shown once; only its hash is kept."""

    tenant_id: UUID
    user_id: UUID
    session_id: UUID
    refresh_token: str


async def sign_in(
    database: Database, passwords: Passwords, email: str, password: str, *, device: Device, now: datetime
) -> SignedIn:
    """Raises BadCredentials, whatever is wrong: nobody learns which accounts exist."""
    # The hash is computed between two transactions: a connection is not held for the time it takes.
    async with database.transaction() as tx:
        account = await tables.account_by_email(tx, email)
    right = await passwords.verify(account.password_hash if account else None, password)
    if account is None or not right or not account.enabled:
        raise BadCredentials
    renewed = await _renewed_hash(passwords, account, password)
    async with database.transaction(_access(account)) as tx:
        current = await tables.account_of(tx, account.user_id)
        if current is None or not current.enabled or current.password_hash != account.password_hash:
            raise BadCredentials
        if renewed:
            await tables.update_account(tx, account.user_id, password_hash=renewed)
        return await _open_session(tx, account, device, now)


async def _renewed_hash(passwords: Passwords, account: Account, password: str) -> str | None:
    """The password hashed anew where the stored hash was made with weaker parameters."""
    stored = account.password_hash
    return await passwords.hash(password) if stored and passwords.is_outdated(stored) else None


def _access(account: Account) -> Access:
    return Access(account.tenant_id, account.user_id, "own")


async def _open_session(tx: Tx, account: Account, device: Device, now: datetime) -> SignedIn:
    session = Session(
        new_id(),
        account.user_id,
        now,
        now,
        rules.session_expiry(now, now),
        None,
        device.address,
        device.user_agent,
    )
    await tables.insert_session(tx, session)
    refresh = await _issue(tx, account.tenant_id, session.id, now)
    return SignedIn(account.tenant_id, account.user_id, session.id, refresh)


async def _issue(tx: Tx, tenant_id: UUID, session_id: UUID, now: datetime) -> str:
    text, secret = make_secret(REFRESH_PREFIX, tenant_id, new_id())
    await tables.insert_refresh_token(tx, secret.id, session_id, secret.hash, now)
    return text


async def refresh(database: Database, token: str, *, now: datetime) -> SignedIn:
    """A new refresh token for an old one, which is spent. One that was spent already ends its session."""
    secret = read_secret(REFRESH_PREFIX, token)
    if secret is None:
        raise BadRefreshToken
    async with database.transaction(Access(secret.tenant_id, None, "own")) as tx:
        issued = await tables.lock_refresh_token(tx, secret.id, secret.hash)
        verdict = "refuse" if issued is None else rules.judge_refresh(issued, now)
        if issued is not None and verdict == "revoke":
            await tables.revoke_sessions(tx, now, session_id=issued.session.id)
        if issued is not None and verdict == "rotate":
            session = issued.session
            await tables.mark_used(tx, secret.id, now)
            expires_at = rules.session_expiry(session.created_at, now)
            await tables.use_session(tx, session.id, now=now, expires_at=expires_at)
            text = await _issue(tx, secret.tenant_id, session.id, now)
            return SignedIn(secret.tenant_id, session.user_id, session.id, text)
    # Outside the transaction: a revocation must be committed, not rolled back by the refusal.
    raise BadRefreshToken


async def sign_out(database: Database, token: str, *, now: datetime) -> None:
    """End the session of a refresh token; an unknown one is no error (RFC 7009)."""
    secret = read_secret(REFRESH_PREFIX, token)
    if secret is None:
        return
    async with database.transaction(Access(secret.tenant_id, None, "own")) as tx:
        issued = await tables.lock_refresh_token(tx, secret.id, secret.hash)
        if issued is not None:
            await tables.revoke_sessions(tx, now, session_id=issued.session.id)


async def revoke_session(tx: Tx, session_id: UUID, *, user_id: UUID, now: datetime) -> None:
    """End one session of a user. Raises NotFound for one that is not theirs or over already."""
    if not await tables.revoke_sessions(tx, now, session_id=session_id, user_id=user_id):
        raise NotFound("There is no such session")


async def open_account(
    tx: Tx, user_id: UUID, email: str, *, password_hash: str | None, enabled: bool, now: datetime
) -> None:
    """Let a user sign in by e-mail. Raises EmailTaken."""
    try:
        async with tx.conn.begin_nested():
            await tables.insert_account(
                tx, user_id, email, password_hash=password_hash, enabled=enabled, now=now
            )
    except IntegrityError as error:
        raise _email_taken() from error


async def change_account(
    tx: Tx,
    user_id: UUID,
    *,
    email: str | None,
    password_hash: str | None,
    now: datetime,
    enabled: bool = True,
) -> None:
    """An admin gives a user another e-mail or password; another password ends every session of theirs."""
    account = await tables.account_of(tx, user_id)
    if account is None:
        if email is None:
            raise Conflict("The user has no e-mail address to sign in with; give one", code="no_account")
        await open_account(tx, user_id, email, password_hash=password_hash, enabled=enabled, now=now)
        return
    if email is not None and email != account.email:
        try:
            async with tx.conn.begin_nested():
                await tables.update_account(tx, user_id, email=email)
        except IntegrityError as error:
            raise _email_taken() from error
    if password_hash is not None:
        await _set_password(tx, user_id, password_hash, keep=None, now=now)


def _email_taken() -> EmailTaken:
    return EmailTaken(errors=[FieldError("/email", "email_taken", "in use")])


async def _set_password(
    tx: Tx, user_id: UUID, password_hash: str, *, keep: UUID | None, now: datetime
) -> None:
    await tables.update_account(tx, user_id, password_hash=password_hash, password_changed_at=now)
    await tables.revoke_sessions(tx, now, user_id=user_id, keep=keep)


async def change_own_password(
    database: Database,
    passwords: Passwords,
    access: Access,
    *,
    user_id: UUID,
    session_id: UUID | None,
    old: str,
    new: str,
    now: datetime,
) -> None:
    """Every other session of the user ends. Raises WrongPassword, PasswordUnfit."""
    async with database.transaction(access) as tx:
        account = await tables.account_of(tx, user_id)
    if account is None or not await passwords.verify(account.password_hash, old):
        raise WrongPassword
    rules.check_password(new, account.email)
    hashed = await passwords.hash(new)
    async with database.transaction(access) as tx:
        current = await tables.account_of(tx, user_id)
        if current is None or current.password_hash != account.password_hash:
            raise WrongPassword
        await _set_password(tx, user_id, hashed, keep=session_id, now=now)


async def enable_account(tx: Tx, user_id: UUID, *, enabled: bool, now: datetime) -> None:
    """Open or close a user's way in; closing ends every session. Without an account nothing is to be done."""
    await tables.update_account(tx, user_id, enabled=enabled)
    if not enabled:
        await tables.revoke_sessions(tx, now, user_id=user_id)


async def find_account(database: Database, email: str) -> Account | None:
    """The account of an e-mail, in whichever tenant."""
    async with database.transaction() as tx:
        return await tables.account_by_email(tx, email)


async def emails_of(tx: Tx, user_ids: list[UUID]) -> dict[UUID, str]:
    """E-mail by user, for those who have one."""
    return await tables.emails_of(tx, user_ids)


async def users_of_emails(tx: Tx, emails: list[str]) -> dict[str, UUID]:
    """Users by their e-mail address, in lower case; addresses that nobody signs in with are left out."""
    return await tables.users_of_emails(tx, emails)


async def live_session(tx: Tx, session_id: UUID, now: datetime) -> Session | None:
    """The session, unless it was revoked or is over."""
    session = await tables.load_session(tx, session_id)
    alive = session is not None and session.revoked_at is None and now < session.expires_at
    return session if alive else None


async def list_sessions(
    tx: Tx, user_id: UUID, now: datetime, *, after: UUID | None, limit: int
) -> list[Session]:
    """A user's live sessions, oldest first."""
    return await tables.page_sessions(tx, user_id, now, after=after, limit=limit)
