"""What is read of an organisation: who sees whom, and pages of it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, and_, func, or_, select, true, tuple_

from services.gateway.org.rules import Rate, Transfer, Unit, User
from services.gateway.org.tables import (
    UNIT_COLUMNS,
    USER_COLUMNS,
    rates,
    transfers,
    unit_closure,
    unit_of_row,
    units,
    user_of_row,
    users,
)
from services.gateway.tenancy.scope import tenant_of
from shared.database.transactions import Access, Tx


def access_of(tx: Tx) -> Access:
    """On whose behalf the transaction runs."""
    assert tx.access is not None  # noqa: S101 - nothing in the organisation is read for nobody
    return tx.access


async def page_transfers(
    tx: Tx, user_id: UUID, *, after: tuple[datetime, UUID] | None, limit: int
) -> list[Transfer]:
    """Transfers of a user, newest effect first."""
    t = transfers.c
    query = select(t.id, t.user_id, t.from_unit_id, t.to_unit_id, t.effective_at, t.state).where(
        t.tenant_id == tenant_of(tx), t.user_id == user_id
    )
    if after is not None:
        query = query.where(tuple_(t.effective_at, t.id) < after)
    rows = await tx.conn.execute(query.order_by(t.effective_at.desc(), t.id.desc()).limit(limit))
    return [Transfer(*row) for row in rows]


async def list_rates(
    tx: Tx, *, currency: str | None, after: tuple[date, str] | None, limit: int
) -> list[Rate]:
    """Rates, newest day first, then by currency."""
    r = rates.c
    query = select(r.currency, r.valid_on, r.rate, r.version).where(r.tenant_id == tenant_of(tx))
    if currency is not None:
        query = query.where(r.currency == currency)
    if after is not None:
        day, code = after
        query = query.where(or_(r.valid_on < day, and_(r.valid_on == day, r.currency > code)))
    rows = await tx.conn.execute(query.order_by(r.valid_on.desc(), r.currency).limit(limit))
    return [Rate(*row) for row in rows]


def _below(tx: Tx, unit_id: UUID) -> Any:
    c = unit_closure.c
    return select(c.descendant_id).where(c.tenant_id == tenant_of(tx), c.ancestor_id == unit_id)


def visible_users(tx: Tx, access: Access) -> ColumnElement[bool]:
    """THE predicate for people: oneself; one's team; one's unit and all below; the tenant."""
    match access.visibility:
        case "tenant":
            return true()
        case "subtree":
            return or_(users.c.unit_id.in_(_below(tx, _known(access.unit_id))), users.c.id == access.user_id)
        case "team":
            return or_(users.c.unit_id == access.unit_id, users.c.id == access.user_id)
        case "own":
            return users.c.id == access.user_id


def _known(unit_id: UUID | None) -> UUID:
    assert unit_id is not None  # noqa: S101 - only a person sees a subtree, and every person has a unit
    return unit_id


async def page_users(
    tx: Tx, *, after: UUID | None, limit: int, unit_id: UUID | None, active: bool | None, q: str | None
) -> list[User]:
    """Visible users in id order; `unit_id` with all below it, `q` is part of a name or code."""
    where = [visible_users(tx, access_of(tx))]
    if after is not None:
        where.append(users.c.id > after)
    if unit_id is not None:
        where.append(users.c.unit_id.in_(_below(tx, unit_id)))
    if active is not None:
        where.append(users.c.active.is_(active))
    if q is not None:
        part = q.lower()
        where.append(
            or_(
                func.lower(users.c.display_name).contains(part, autoescape=True),
                func.lower(users.c.code).contains(part, autoescape=True),
            )
        )
    query = (
        select(*USER_COLUMNS)
        .where(users.c.tenant_id == tenant_of(tx), *where)
        .order_by(users.c.id)
        .limit(limit)
    )
    return [user_of_row(row) for row in await tx.conn.execute(query)]


async def page_units(tx: Tx, *, after: UUID | None, limit: int, active: bool | None) -> list[Unit]:
    """Visible units in id order."""
    where = [visible_units(tx, access_of(tx))]
    if after is not None:
        where.append(units.c.id > after)
    if active is not None:
        where.append(units.c.active.is_(active))
    query = (
        select(*UNIT_COLUMNS)
        .where(units.c.tenant_id == tenant_of(tx), *where)
        .order_by(units.c.id)
        .limit(limit)
    )
    return [unit_of_row(row) for row in await tx.conn.execute(query)]


def visible_units(tx: Tx, access: Access) -> ColumnElement[bool]:
    """All for who sees the tenant; else the own unit with all above and all below."""
    if access.visibility == "tenant":
        return true()
    c = unit_closure.c
    above = select(c.ancestor_id).where(c.tenant_id == tenant_of(tx), c.descendant_id == access.unit_id)
    return or_(units.c.id.in_(above), units.c.id.in_(_below(tx, _known(access.unit_id))))


async def lineages(tx: Tx) -> dict[UUID, frozenset[UUID]]:
    """Every unit of the tenant with its ancestors, itself included."""
    c = unit_closure.c
    query = select(c.descendant_id, func.array_agg(c.ancestor_id)).where(c.tenant_id == tenant_of(tx))
    rows = await tx.conn.execute(query.group_by(c.descendant_id))
    return {row[0]: frozenset(row[1]) for row in rows}


async def all_units(tx: Tx) -> list[Unit]:
    """Every unit of the tenant, the root among them: for imports, which act for the tenant."""
    rows = await tx.conn.execute(select(*UNIT_COLUMNS).where(units.c.tenant_id == tenant_of(tx)))
    return [unit_of_row(row) for row in rows]


async def users_called(tx: Tx, names: Sequence[str]) -> list[User]:
    """Users whose code or display name is exactly one of these, whoever may see them: for imports."""
    called = or_(users.c.code.in_(names), users.c.display_name.in_(names))
    query = select(*USER_COLUMNS).where(users.c.tenant_id == tenant_of(tx), called).order_by(users.c.id)
    return [user_of_row(row) for row in await tx.conn.execute(query)]


async def units_of_users(tx: Tx) -> dict[UUID, UUID]:
    """Every user's unit."""
    query = select(users.c.id, users.c.unit_id).where(users.c.tenant_id == tenant_of(tx))
    return {row.id: row.unit_id for row in await tx.conn.execute(query)}
