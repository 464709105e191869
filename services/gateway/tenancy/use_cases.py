"""What holds for a tenant as a whole."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from uuid import UUID

from sqlalchemy.exc import IntegrityError

from services.gateway.tenancy import tables
from services.gateway.tenancy.rules import Tenant, check_closing
from services.gateway.tenancy.scope import tenant_of
from shared.contracts.base import Event
from shared.contracts.org import AccessChanged, TenantConfigured
from shared.database.transactions import Tx
from shared.errors import Conflict, FieldError, NotFound, PreconditionFailed
from shared.events.journal import NewEvent, record_events


class TenantNameTaken(Conflict):
    code = "tenant_name_taken"
    title = "There is a tenant of that name"


def check_version(version: int, if_match: int | None) -> None:
    """Raises PreconditionFailed where the caller acted on another version."""
    if if_match is not None and if_match != version:
        raise PreconditionFailed(f"It is at version {version} now; read it again")


async def record(tx: Tx, facts: Sequence[Event], at: datetime) -> list[int]:
    """Record facts of the tenant's organisation; their seqs, which are the versions of what they changed."""
    tenant_id = tenant_of(tx)
    new = [NewEvent(aggregate_id=tenant_id, event=fact, occurred_at=at) for fact in facts]
    return [position.seq for position in await record_events(tx, tables.tenants, new)]


async def present_tenant(tx: Tx) -> Tenant:
    """The tenant as it is. Raises NotFound."""
    return await _found(tx, lock=False)


async def locked_tenant(tx: Tx) -> Tenant:
    """The tenant, its organisation kept as it is until the end of the transaction. Raises NotFound."""
    return await _found(tx, lock=True)


async def _found(tx: Tx, *, lock: bool) -> Tenant:
    tenant = await tables.load(tx, lock=lock)
    if tenant is None:
        raise NotFound("There is no such tenant")
    return tenant


async def tenant_named(tx: Tx, name: str) -> UUID | None:
    """The tenant of a name, under the worker's role."""
    return await tables.find_by_name(tx, name)


async def create_tenant(tx: Tx, tenant: Tenant, *, others: Sequence[Event], now: datetime) -> list[int]:
    """A tenant, whose first facts are itself and `others` (its root, its admin); the seqs of `others`."""
    facts: list[Event] = [_fact(tenant), *others]
    try:
        async with tx.conn.begin_nested():
            await tables.store_new(tx, replace(tenant, version=len(facts)), now)
    except IntegrityError as error:
        raise TenantNameTaken(f"There is a tenant {tenant.name!r}") from error
    new = [NewEvent(aggregate_id=tenant.id, event=fact, occurred_at=now) for fact in facts]
    await record_events(tx, tables.tenants, new, created=True)
    return list(range(2, len(facts) + 1))


async def change_tenant(
    tx: Tx, changes: Mapping[str, object], *, if_match: int | None, now: datetime
) -> Tenant:
    """Change its name, or close days. Time zone and currency stay: recorded days and amounts rest on them.

    Raises TenantNameTaken, ClosedStays, DayNotOver.
    """
    tenant = await locked_tenant(tx)
    check_version(tenant.version, if_match)
    changed = replace(tenant, **changes)  # type: ignore[arg-type]  # the route's model holds the field types
    if changed == tenant:
        return tenant
    if changed.closed_through is not None and changed.closed_through != tenant.closed_through:
        check_closing(tenant, changed.closed_through, now)
    [version] = await record(tx, [_fact(changed)], now)
    try:
        async with tx.conn.begin_nested():
            await tables.store_changed(tx, changed)
    except IntegrityError as error:
        raise TenantNameTaken(errors=[FieldError("/name", "tenant_name_taken", "in use")]) from error
    return replace(changed, version=version)


async def change_access(tx: Tx, principal_ids: Sequence[UUID], *, revoked: bool, now: datetime) -> None:
    """Tell every service that older tokens of these principals are no longer good."""
    await locked_tenant(tx)
    await record(tx, [AccessChanged(principal_id=each, revoked=revoked) for each in principal_ids], now)


def _fact(tenant: Tenant) -> Event:
    return TenantConfigured(
        name=tenant.name,
        timezone=tenant.timezone,
        currency=tenant.currency,
        closed_through=tenant.closed_through,
    )
