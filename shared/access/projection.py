"""cox.org applied: the projection that keeps a service's directory."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING
from uuid import UUID

from shared.access.tables import metadata
from shared.access.working_projection import apply_working
from shared.contracts.org import (
    AbsenceRecorded,
    AbsenceWithdrawn,
    AccessChanged,
    CalendarDefined,
    ProfileDefined,
    RateSet,
    RepLeft,
    RepMoved,
    RepReturned,
    TenantConfigured,
    UnitDefined,
    UserDefined,
)
from shared.database.transactions import Tx
from shared.events.consuming.handlers import Projection
from shared.events.envelope import Received, Undecodable

if TYPE_CHECKING:
    from asyncpg import Connection, Record

    Raw = Connection[Record]

HANDLED = (
    TenantConfigured,
    UnitDefined,
    UserDefined,
    RepMoved,
    AccessChanged,
    RateSet,
    CalendarDefined,
    ProfileDefined,
    AbsenceRecorded,
    AbsenceWithdrawn,
    # Nothing of them is kept: but the directory stands where they are.
    RepLeft,
    RepReturned,
)

_TENANT = """
insert into org_tenants (tenant_id, name, timezone, currency) values ($1, $2, $3, $4)
on conflict (tenant_id) do update
  set name = excluded.name, timezone = excluded.timezone, currency = excluded.currency
"""
_VERSION = """
insert into org_versions as v (tenant_id, seq) values ($1, $2)
on conflict (tenant_id) do update set seq = greatest(v.seq, excluded.seq)
"""
_OLD_PARENT = "select parent_id from org_units where tenant_id = $1 and id = $2"
_UNIT = """
insert into org_units (tenant_id, id, parent_id, kind, code, name, active, path, calendar_id)
values ($1, $2, $3, $4, $5, $6, $7, '{}', $8)
on conflict (tenant_id, id) do update
  set parent_id = excluded.parent_id, kind = excluded.kind, code = excluded.code, name = excluded.name,
      active = excluded.active, calendar_id = excluded.calendar_id
"""
_SELF = """
insert into org_closure (tenant_id, ancestor_id, descendant_id, depth) values ($1, $2, $2, 0)
on conflict do nothing
"""
_CUT_OFF = """
delete from org_closure c
using org_closure below
where below.tenant_id = $1 and below.ancestor_id = $2
  and c.tenant_id = $1 and c.descendant_id = below.descendant_id
  and not exists (
    select from org_closure within
    where within.tenant_id = $1 and within.ancestor_id = $2 and within.descendant_id = c.ancestor_id)
"""
_HANG_UNDER = """
insert into org_closure (tenant_id, ancestor_id, descendant_id, depth)
select $1, above.ancestor_id, below.descendant_id, above.depth + below.depth + 1
from org_closure above, org_closure below
where above.tenant_id = $1 and above.descendant_id = $3
  and below.tenant_id = $1 and below.ancestor_id = $2
on conflict do nothing
"""
_DERIVE = """
update org_units u
set path = (select array_agg(c.ancestor_id order by c.depth desc) from org_closure c
            where c.tenant_id = $1 and c.descendant_id = u.id),
    region = (select r.code from org_closure c
              join org_units r on r.tenant_id = $1 and r.id = c.ancestor_id
              where c.tenant_id = $1 and c.descendant_id = u.id and r.kind = 'region'
              order by c.depth limit 1)
where u.tenant_id = $1
  and u.id in (select descendant_id from org_closure where tenant_id = $1 and ancestor_id = $2)
"""
_OLD_USER = """
select unit_id, roles, visibility, is_rep, active from org_users where tenant_id = $1 and id = $2
"""
_USER = """
insert into org_users (tenant_id, id, display_name, code, unit_id, roles, visibility, is_rep, active)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9)
on conflict (tenant_id, id) do update
  set display_name = excluded.display_name, code = excluded.code, unit_id = excluded.unit_id,
      roles = excluded.roles, visibility = excluded.visibility, is_rep = excluded.is_rep,
      active = excluded.active
"""
_FIRST_MEMBERSHIP = """
insert into org_memberships (tenant_id, user_id, from_at, unit_id) values ($1, $2, '-infinity', $3)
on conflict do nothing
"""
_MEMBERSHIP = """
insert into org_memberships (tenant_id, user_id, from_at, unit_id) values ($1, $2, $3, $4)
on conflict (tenant_id, user_id, from_at) do update set unit_id = excluded.unit_id
"""
_UNIT_THEN = """
select unit_id from org_memberships where tenant_id = $1 and user_id = $2 and from_at <= $3
order by from_at desc limit 1
"""
_MOVED = "update org_users set unit_id = coalesce(($3), unit_id) where tenant_id = $1 and id = $2"
_PRINCIPAL = """
insert into org_principals as p (tenant_id, id, changed_seq, revoked) values ($1, $2, $3, $4)
on conflict (tenant_id, id) do update
  set changed_seq = greatest(p.changed_seq, excluded.changed_seq), revoked = excluded.revoked
"""
_STALE = """
insert into org_principals as p (tenant_id, id, changed_seq, revoked) values ($1, $2, $3, false)
on conflict (tenant_id, id) do update set changed_seq = greatest(p.changed_seq, excluded.changed_seq)
"""
_RATE = """
insert into org_rates (tenant_id, currency, valid_on, rate) values ($1, $2, $3, $4)
on conflict (tenant_id, currency, valid_on) do update set rate = excluded.rate
"""


def directory_projection(service: str) -> Projection:
    """The projection `{service}.directory`, for the service's worker and for its waits."""
    projection = Projection(f"{service}.directory", tables=tuple(metadata.tables.values()))

    @projection.batch(*HANDLED)
    async def apply_org(tx: Tx, batch: Sequence[Received]) -> None:
        await apply(tx, batch)

    return projection


async def apply(tx: Tx, batch: Sequence[Received]) -> None:
    """Events of cox.org in the order of their seq, under the worker's role."""
    raw = await tx.raw()
    newest: dict[UUID, int] = {}
    for received in batch:
        await _apply_one(raw, received)
        newest[received.tenant_id] = received.seq
    for tenant_id in sorted(newest):
        await raw.execute(_VERSION, tenant_id, newest[tenant_id])


async def _apply_one(raw: Raw, received: Received) -> None:
    event, tenant = received.event, received.tenant_id
    match event:
        case TenantConfigured():
            await raw.execute(_TENANT, tenant, event.name, event.timezone, event.currency)
        case UnitDefined():
            await _unit_defined(raw, tenant, event)
        case UserDefined():
            await _user_defined(raw, received, event)
        case RepMoved():
            await _rep_moved(raw, received, event)
        case AccessChanged():
            await raw.execute(_PRINCIPAL, tenant, event.principal_id, received.seq, event.revoked)
        case RateSet():
            await raw.execute(_RATE, tenant, event.currency, event.valid_on, _rate(received, event))
        case CalendarDefined() | ProfileDefined() | AbsenceRecorded() | AbsenceWithdrawn():
            await apply_working(raw, received, event)


def _rate(received: Received, event: RateSet) -> Decimal:
    try:
        rate = Decimal(event.rate)
    except InvalidOperation:
        raise Undecodable(received.event_id, "rate: not a decimal number") from None
    if not rate.is_finite() or rate <= 0:
        raise Undecodable(received.event_id, "rate: not a positive number")
    return rate


async def _unit_defined(raw: Raw, tenant: UUID, event: UnitDefined) -> None:
    old = await raw.fetchrow(_OLD_PARENT, tenant, event.unit_id)
    await raw.execute(
        _UNIT, tenant, event.unit_id, event.parent_id, event.kind, event.code, event.name, event.active,
        event.calendar_id,
    )  # fmt: skip
    if old is None:
        await raw.execute(_SELF, tenant, event.unit_id)
    elif old["parent_id"] != event.parent_id:
        await raw.execute(_CUT_OFF, tenant, event.unit_id)
    if event.parent_id is not None and (old is None or old["parent_id"] != event.parent_id):
        await raw.execute(_HANG_UNDER, tenant, event.unit_id, event.parent_id)
    await raw.execute(_DERIVE, tenant, event.unit_id)


async def _user_defined(raw: Raw, received: Received, event: UserDefined) -> None:
    tenant, user = received.tenant_id, event.user_id
    old = await raw.fetchrow(_OLD_USER, tenant, user)
    now = (event.unit_id, list(event.roles), event.visibility, event.is_rep, event.active)
    await raw.execute(_USER, tenant, user, event.display_name, event.code, *now)
    if old is None:
        await raw.execute(_FIRST_MEMBERSHIP, tenant, user, event.unit_id)
    elif await raw.fetchval(_UNIT_THEN, tenant, user, received.occurred_at) != event.unit_id:
        await raw.execute(_MEMBERSHIP, tenant, user, received.occurred_at, event.unit_id)
    if old is not None and tuple(old) != now:
        # Whoever holds a token with the old rights asks for a new one.
        await raw.execute(_PRINCIPAL, tenant, user, received.seq, not event.active)


async def _rep_moved(raw: Raw, received: Received, event: RepMoved) -> None:
    tenant, user = received.tenant_id, event.user_id
    await raw.execute(_FIRST_MEMBERSHIP, tenant, user, event.from_unit_id)
    await raw.execute(_MEMBERSHIP, tenant, user, event.effective_at, event.to_unit_id)
    now_in = await raw.fetchval(_UNIT_THEN, tenant, user, received.occurred_at)
    await raw.execute(_MOVED, tenant, user, now_in)
    await raw.execute(_STALE, tenant, user, received.seq)
