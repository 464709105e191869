"""Departures. Whoever writes them holds the lock on the tenant's row."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime
from typing import Any, cast
from uuid import UUID

import orjson
from sqlalchemy import (
    Boolean,
    CheckConstraint,
    Column,
    ColumnElement,
    DateTime,
    ForeignKeyConstraint,
    Index,
    Row,
    Select,
    Table,
    Text,
    Uuid,
    insert,
    select,
    text,
    tuple_,
    update,
)
from sqlalchemy.dialects.postgresql import JSONB

from services.gateway.departures.rules import Departure, HandoverRule
from services.gateway.metadata import metadata
from services.gateway.tenancy.scope import tenant_of
from shared.database.transactions import Tx

departures = Table(
    "departures",
    metadata,
    Column("tenant_id", Uuid, primary_key=True),
    Column("id", Uuid, primary_key=True),
    Column("user_id", Uuid, nullable=False),
    Column("effective_at", DateTime(timezone=True), nullable=False),
    Column("state", Text, nullable=False),
    Column("reason", Text),
    Column("handover", JSONB),
    Column("recorded_by", Uuid),
    Column("recorded_at", DateTime(timezone=True), nullable=False),
    Column("returned_at", DateTime(timezone=True)),
    Column("leads_return", Boolean),
    ForeignKeyConstraint(["tenant_id", "user_id"], ["users.tenant_id", "users.id"]),
    CheckConstraint("state in ('planned', 'done', 'void', 'cancelled')", name="known_state"),
    Index("ix_departures_user", "tenant_id", "user_id", "effective_at"),
    Index(
        "uq_departures_planned",
        "tenant_id",
        "user_id",
        unique=True,
        postgresql_where=text("state = 'planned'"),
    ),
)
_D = departures.c


async def insert_departure(tx: Tx, departure: Departure) -> None:
    values = asdict(departure) | {"tenant_id": tenant_of(tx), "handover": _told(departure.handover)}
    await tx.conn.execute(insert(departures).values(values))


async def store_departure(tx: Tx, departure: Departure) -> None:
    """What became of it."""
    where = (_D.tenant_id == tenant_of(tx), _D.id == departure.id)
    values = {
        "state": departure.state,
        "returned_at": departure.returned_at,
        "leads_return": departure.leads_return,
    }
    await tx.conn.execute(update(departures).where(*where).values(values))


async def planned_departure(
    tx: Tx, *, user_id: UUID | None = None, departure_id: UUID | None = None
) -> Departure | None:
    """Of a user, who has one at most, or of that id."""
    which = _D.id == departure_id if departure_id else _D.user_id == user_id
    return await _first(tx, _query(tx, which, _D.state == "planned"))


async def last_departure(tx: Tx, user_id: UUID) -> Departure | None:
    """The user's last one that took effect and that they are not back from."""
    query = _query(tx, _D.user_id == user_id, _D.state == "done", _D.returned_at.is_(None))
    return await _first(tx, query)


async def page_departures(
    tx: Tx, user_id: UUID, *, after: tuple[datetime, UUID] | None, limit: int
) -> list[Departure]:
    """A user's departures, newest effect first."""
    query = _query(tx, _D.user_id == user_id).limit(limit)
    if after is not None:
        query = query.where(tuple_(_D.effective_at, _D.id) < after)
    return [_departure(row) for row in await tx.conn.execute(query)]


def _query(tx: Tx, *where: ColumnElement[bool]) -> Select[*tuple[Any, ...]]:
    columns = [_D[name] for name in Departure.__slots__]
    newest = (_D.effective_at.desc(), _D.id.desc())
    return select(*columns).where(_D.tenant_id == tenant_of(tx), *where).order_by(*newest)


async def _first(tx: Tx, query: Select[*tuple[Any, ...]]) -> Departure | None:
    row = (await tx.conn.execute(query.limit(1))).one_or_none()
    return None if row is None else _departure(row)


def _told(rule: HandoverRule | None) -> Any:
    return None if rule is None else orjson.loads(orjson.dumps(rule))


def _departure(row: Row[*tuple[Any, ...]]) -> Departure:
    values = cast("dict[str, Any]", dict(row._mapping))
    told = values["handover"]
    rule = None
    if told is not None:
        users = tuple(UUID(user) for user in told["user_ids"])
        unit = None if told["unit_id"] is None else UUID(told["unit_id"])
        rule = HandoverRule(users, unit, told["max_open_leads"])
    return Departure(**{**values, "handover": rule})
