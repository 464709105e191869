"""A tenant from nothing, and a way back into one: done beside the API, by whoever owns the machine."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from services.gateway.identity import rules as identity_rules
from services.gateway.identity import use_cases as identity
from services.gateway.identity.passwords import Passwords
from services.gateway.org import use_cases as org
from services.gateway.org.use_cases import NewUnit, NewUser
from services.gateway.partners import use_cases as partners
from services.gateway.tenancy import use_cases as tenancy
from services.gateway.tenancy.rules import Tenant
from services.gateway.tenancy.use_cases import TenantNameTaken
from shared.access.roles import SCOPES
from shared.database.transactions import Access, Database, Tx
from shared.errors import NotFound
from shared.ids import new_id

CLI_KEY_NAME = "command line"
ROOT_CODE = "root"


@dataclass(frozen=True, slots=True)
class Bootstrapped:
    """`generated_password` where none was given for a new tenant; `api_key` where one was issued."""

    tenant_id: UUID
    admin_id: UUID
    created: bool
    generated_password: str | None
    api_key: str | None


async def ensure_tenant(
    database: Database,
    passwords: Passwords,
    *,
    name: str,
    timezone: str,
    currency: str,
    admin_email: str,
    admin_password: str | None,
    new_key: bool,
    now: datetime,
    renamed: bool = False,
) -> Bootstrapped:
    """The tenant of that name, made with its admin unless it is there. `database` is the worker role's.

    `renamed`: one that this e-mail administers is the one, whatever it is called by now. The command line's
    key comes with a new tenant, and with `new_key` (which revokes the former one). Raises EmailTaken where
    the admin's e-mail belongs to somebody else.
    """
    email = identity_rules.normal_email(admin_email)
    present = await _present(database, name)
    if present is None and renamed:
        present = await _administered(database, email)
    if present is not None:
        return await _again(database, present, email, new_key=new_key, now=now)
    password = admin_password or secrets.token_urlsafe(12)
    tenant = Tenant(new_id(), name, timezone, currency, version=0)
    root = NewUnit(new_id(), None, "company", ROOT_CODE, name)
    hashed = await passwords.hash(password)
    admin = NewUser(new_id(), "Admin", "admin", root.id, ("admin",), email=email, password_hash=hashed)
    try:
        async with database.transaction(Access(tenant.id)) as tx:
            await org.create_tenant(tx, tenant, root=root, admin=admin, now=now)
            key = await _issue_cli_key(tx, tenant.id, admin.id, now)
    except TenantNameTaken:
        # Another process was faster: what it made is what is wanted.
        return await ensure_tenant(
            database, passwords, name=name, timezone=timezone, currency=currency, admin_email=admin_email,
            admin_password=admin_password, new_key=new_key, now=now, renamed=renamed,
        )  # fmt: skip
    generated = None if admin_password else password
    return Bootstrapped(tenant.id, admin.id, created=True, generated_password=generated, api_key=key)


async def _present(database: Database, name: str) -> UUID | None:
    async with database.transaction() as tx:
        return await tenancy.tenant_named(tx, name)


async def _administered(database: Database, email: str) -> UUID | None:
    account = await identity.find_account(database, email)
    if account is None:
        return None
    async with database.transaction(Access(account.tenant_id)) as tx:
        admins = {admin.id for admin in await org.admins_of(tx)}
    return account.tenant_id if account.user_id in admins else None


async def _again(
    database: Database, tenant_id: UUID, email: str, *, new_key: bool, now: datetime
) -> Bootstrapped:
    async with database.transaction(Access(tenant_id)) as tx:
        admin_id = await _admin_of(tx, email)
        key = await _issue_cli_key(tx, tenant_id, admin_id, now) if new_key else None
    return Bootstrapped(tenant_id, admin_id, created=False, generated_password=None, api_key=key)


async def _admin_of(tx: Tx, email: str) -> UUID:
    """The admin of that e-mail, else the tenant's first one."""
    admins = await org.admins_of(tx)
    emails = await identity.emails_of(tx, [admin.id for admin in admins])
    for admin in admins:
        if emails.get(admin.id) == email:
            return admin.id
    return admins[0].id


async def _issue_cli_key(tx: Tx, tenant_id: UUID, owner_id: UUID, now: datetime) -> str:
    keys = await partners.list_keys(tx, user_id=None, after=None, limit=100_000)
    former = [key.id for key in keys if key.name == CLI_KEY_NAME and key.revoked_at is None]
    await partners.revoke_keys(tx, former, now=now)
    _, text = await partners.issue_key(
        tx, tenant_id=tenant_id, owner_id=owner_id, name=CLI_KEY_NAME, scopes=("admin",),
        held=frozenset(SCOPES), expires_at=None, now=now,
    )  # fmt: skip
    return text


async def reset_password(
    database: Database, passwords: Passwords, email: str, password: str | None, *, now: datetime
) -> str:
    """Give the account a password (without one: a generated one), ending every session. Raises NotFound."""
    known = identity_rules.normal_email(email)
    account = await identity.find_account(database, known)
    if account is None:
        raise NotFound(f"There is no account {known}")
    new = password or secrets.token_urlsafe(12)
    identity_rules.check_password(new, known)
    hashed = await passwords.hash(new)
    async with database.transaction(Access(account.tenant_id)) as tx:
        await identity.change_account(tx, account.user_id, email=None, password_hash=hashed, now=now)
        await tenancy.change_access(tx, [account.user_id], revoked=False, now=now)
    return new
