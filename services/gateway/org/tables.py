"""The org's tables and their queries. Whoever writes them holds the lock on the tenant's row."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, cast
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    ColumnElement,
    Date,
    DateTime,
    ForeignKeyConstraint,
    Index,
    Integer,
    Numeric,
    Row,
    Table,
    Text,
    Uuid,
    and_,
    insert,
    or_,
    select,
    update,
)
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.dialects.postgresql import insert as upsert

from services.gateway.metadata import metadata
from services.gateway.org.rules import Move, Rate, Unit, User
from services.gateway.tenancy.scope import tenant_of
from shared.database.transactions import Tx

units = Table(
    "units",
    metadata,
    Column("tenant_id", Uuid, primary_key=True),
    Column("id", Uuid, primary_key=True),
    Column("parent_id", Uuid),
    Column("kind", Text, nullable=False),
    Column("code", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("active", Boolean, nullable=False),
    Column("version", BigInteger, nullable=False),
    Column("calendar_id", Uuid),
    ForeignKeyConstraint(["tenant_id", "parent_id"], ["units.tenant_id", "units.id"]),
    ForeignKeyConstraint(["tenant_id", "calendar_id"], ["calendars.tenant_id", "calendars.id"]),
    CheckConstraint("kind in ('company', 'region', 'team')", name="kind"),
    Index("uq_units_code", "tenant_id", "code", unique=True),
)
Index("uq_units_root", units.c.tenant_id, unique=True, postgresql_where=units.c.parent_id.is_(None))

unit_closure = Table(
    "unit_closure",
    metadata,
    Column("tenant_id", Uuid, primary_key=True),
    Column("ancestor_id", Uuid, primary_key=True),
    Column("descendant_id", Uuid, primary_key=True),
    Column("depth", Integer, nullable=False),
    Index("ix_unit_closure_descendant", "tenant_id", "descendant_id"),
)

users = Table(
    "users",
    metadata,
    Column("tenant_id", Uuid, primary_key=True),
    Column("id", Uuid, primary_key=True),
    Column("unit_id", Uuid, nullable=False),
    Column("display_name", Text, nullable=False),
    Column("code", Text, nullable=False),
    Column("roles", ARRAY(Text), nullable=False),
    Column("visibility", Text, nullable=False),
    Column("is_rep", Boolean, nullable=False),
    Column("active", Boolean, nullable=False),
    Column("version", BigInteger, nullable=False),
    Column("created_at", DateTime(timezone=True), nullable=False),
    ForeignKeyConstraint(["tenant_id", "unit_id"], ["units.tenant_id", "units.id"]),
    CheckConstraint("visibility in ('own', 'team', 'subtree', 'tenant')", name="visibility"),
    Index("uq_users_code", "tenant_id", "code", unique=True),
    Index("ix_users_unit", "tenant_id", "unit_id"),
)

transfers = Table(
    "transfers",
    metadata,
    Column("tenant_id", Uuid, primary_key=True),
    Column("id", Uuid, primary_key=True),
    Column("user_id", Uuid, nullable=False),
    Column("from_unit_id", Uuid),
    Column("to_unit_id", Uuid, nullable=False),
    Column("effective_at", DateTime(timezone=True), nullable=False),
    Column("state", Text, nullable=False),
    ForeignKeyConstraint(["tenant_id", "user_id"], ["users.tenant_id", "users.id"]),
    CheckConstraint("state in ('planned', 'done', 'void')", name="state"),
    Index("ix_transfers_user", "tenant_id", "user_id", "effective_at"),
)

rates = Table(
    "rates",
    metadata,
    Column("tenant_id", Uuid, primary_key=True),
    Column("currency", Text, primary_key=True),
    Column("valid_on", Date, primary_key=True),
    Column("rate", Numeric(24, 12), nullable=False),
    Column("version", BigInteger, nullable=False),
)

UNIT_COLUMNS = (
    units.c.id,
    units.c.parent_id,
    units.c.kind,
    units.c.code,
    units.c.name,
    units.c.active,
    units.c.version,
    units.c.calendar_id,
)
USER_COLUMNS = (
    users.c.id,
    users.c.display_name,
    users.c.code,
    users.c.unit_id,
    users.c.roles,
    users.c.visibility,
    users.c.is_rep,
    users.c.active,
    users.c.version,
    users.c.created_at,
)


def unit_of_row(row: Row[*tuple[Any, ...]]) -> Unit:
    return Unit(*row)


def user_of_row(row: Row[*tuple[Any, ...]]) -> User:
    values = cast("dict[str, Any]", dict(row._mapping))
    return User(**{**values, "roles": tuple(values["roles"])})


async def load_units(tx: Tx, *where: ColumnElement[bool]) -> list[Unit]:
    """Units of the tenant by id order."""
    query = select(*UNIT_COLUMNS).where(units.c.tenant_id == tenant_of(tx), *where).order_by(units.c.id)
    return [unit_of_row(row) for row in await tx.conn.execute(query)]


async def load_users(tx: Tx, *where: ColumnElement[bool]) -> list[User]:
    query = select(*USER_COLUMNS).where(users.c.tenant_id == tenant_of(tx), *where).order_by(users.c.id)
    return [user_of_row(row) for row in await tx.conn.execute(query)]


async def insert_units(
    tx: Tx, rows: Sequence[Unit], lineage: Mapping[UUID, Sequence[tuple[UUID, int]]]
) -> None:
    """New units in tree order, with their closure: `lineage` is each unit's ancestors, itself included."""
    tenant_id = tenant_of(tx)
    await tx.conn.execute(
        insert(units),
        [
            {
                "tenant_id": tenant_id,
                "id": u.id,
                "parent_id": u.parent_id,
                "kind": u.kind,
                "code": u.code,
                "name": u.name,
                "active": u.active,
                "version": u.version,
                "calendar_id": u.calendar_id,
            }
            for u in rows
        ],
    )
    await tx.conn.execute(
        insert(unit_closure),
        [
            {"tenant_id": tenant_id, "ancestor_id": ancestor, "descendant_id": unit_id, "depth": depth}
            for unit_id, above in lineage.items()
            for ancestor, depth in above
        ],
    )


async def store_unit(tx: Tx, unit: Unit) -> None:
    where = and_(units.c.tenant_id == tenant_of(tx), units.c.id == unit.id)
    values = {
        "code": unit.code,
        "name": unit.name,
        "active": unit.active,
        "version": unit.version,
        "calendar_id": unit.calendar_id,
    }
    await tx.conn.execute(update(units).where(where).values(values))


async def insert_users(tx: Tx, rows: Sequence[User]) -> None:
    await tx.conn.execute(insert(users), [_user_values(tx, user) for user in rows])


def _user_values(tx: Tx, user: User) -> dict[str, Any]:
    return {
        "tenant_id": tenant_of(tx),
        "id": user.id,
        "unit_id": user.unit_id,
        "display_name": user.display_name,
        "code": user.code,
        "roles": list(user.roles),
        "visibility": user.visibility,
        "is_rep": user.is_rep,
        "active": user.active,
        "version": user.version,
        "created_at": user.created_at,
    }


async def store_user(tx: Tx, user: User) -> None:
    where = and_(users.c.tenant_id == tenant_of(tx), users.c.id == user.id)
    await tx.conn.execute(update(users).where(where).values(_user_values(tx, user)))


async def active_admins(tx: Tx) -> list[UUID]:
    query = select(users.c.id).where(
        users.c.tenant_id == tenant_of(tx), users.c.active, users.c.roles.contains(["admin"])
    )
    return list((await tx.conn.scalars(query)).all())


async def unit_in_use(tx: Tx, unit_id: UUID) -> bool:
    """Whether active units or users are directly in it."""
    children = select(units.c.id).where(
        units.c.tenant_id == tenant_of(tx), units.c.parent_id == unit_id, units.c.active
    )
    people = select(users.c.id).where(
        users.c.tenant_id == tenant_of(tx), users.c.unit_id == unit_id, users.c.active
    )
    return bool(await tx.conn.scalar(select(or_(children.exists(), people.exists()))))


async def units_have_calendar(tx: Tx, calendar_id: UUID) -> bool:
    """Whether an active unit has it."""
    query = select(units.c.id).where(
        units.c.tenant_id == tenant_of(tx), units.c.calendar_id == calendar_id, units.c.active
    )
    return bool(await tx.conn.scalar(select(query.exists())))


async def load_moves(tx: Tx, user_id: UUID) -> list[Move]:
    """The user's transfers that took effect."""
    t = transfers.c
    query = select(t.from_unit_id, t.to_unit_id, t.effective_at).where(
        t.tenant_id == tenant_of(tx), t.user_id == user_id, t.state == "done"
    )
    return [Move(*row) for row in await tx.conn.execute(query)]


async def insert_transfer(tx: Tx, **values: Any) -> None:
    await tx.conn.execute(insert(transfers).values(tenant_id=tenant_of(tx), **values))


async def planned_transfer(tx: Tx, transfer_id: UUID) -> Row[*tuple[Any, ...]] | None:
    t = transfers.c
    where = and_(t.tenant_id == tenant_of(tx), t.id == transfer_id, t.state == "planned")
    return (await tx.conn.execute(select(transfers).where(where))).one_or_none()


async def close_transfer(tx: Tx, transfer_id: UUID, state: str, from_unit_id: UUID | None) -> None:
    where = and_(transfers.c.tenant_id == tenant_of(tx), transfers.c.id == transfer_id)
    await tx.conn.execute(update(transfers).where(where).values(state=state, from_unit_id=from_unit_id))


async def store_rates(tx: Tx, rows: Sequence[Rate]) -> None:
    statement = upsert(rates)
    statement = statement.on_conflict_do_update(
        index_elements=["tenant_id", "currency", "valid_on"],
        set_={"rate": statement.excluded.rate, "version": statement.excluded.version},
    )
    values = [
        {
            "tenant_id": tenant_of(tx),
            "currency": r.currency,
            "valid_on": r.valid_on,
            "rate": r.rate,
            "version": r.version,
        }
        for r in rows
    ]
    await tx.conn.execute(statement, values)
