"""Calendars as they are now; their past is in the journal. Who writes holds the lock on the tenant's row."""

from __future__ import annotations

from datetime import date
from typing import Any

from sqlalchemy import (
    ARRAY,
    BigInteger,
    Boolean,
    Column,
    ColumnElement,
    Date,
    Index,
    Row,
    Table,
    Text,
    Uuid,
    and_,
    insert,
    select,
    update,
)
from sqlalchemy.dialects.postgresql import JSONB

from services.gateway.calendars.rules import WorkCalendar, WorkedDay
from services.gateway.metadata import metadata
from services.gateway.tenancy.scope import tenant_of
from shared.database.transactions import Tx
from shared.worktime.calendar import Hours

calendars = Table(
    "calendars",
    metadata,
    Column("tenant_id", Uuid, primary_key=True),
    Column("id", Uuid, primary_key=True),
    Column("name", Text, nullable=False),
    Column("timezone", Text, nullable=False),
    # Seven lists of [from, to] in minutes of the day.
    Column("week", JSONB, nullable=False),
    Column("days_off", ARRAY(Date), nullable=False),
    # Lists of [day, hours or null].
    Column("worked_days", JSONB, nullable=False),
    Column("active", Boolean, nullable=False),
    Column("version", BigInteger, nullable=False),
    Index("uq_calendars_name", "tenant_id", "name", unique=True),
)


async def load_calendars(tx: Tx, *where: ColumnElement[bool], limit: int | None = None) -> list[WorkCalendar]:
    """Calendars of the tenant in id order."""
    query = select(calendars).where(calendars.c.tenant_id == tenant_of(tx), *where)
    rows = await tx.conn.execute(query.order_by(calendars.c.id).limit(limit))
    return [_calendar(row) for row in rows]


async def insert_calendar(tx: Tx, calendar: WorkCalendar) -> None:
    await tx.conn.execute(insert(calendars).values(tenant_id=tenant_of(tx), **_values(calendar)))


async def store_calendar(tx: Tx, calendar: WorkCalendar) -> None:
    where = and_(calendars.c.tenant_id == tenant_of(tx), calendars.c.id == calendar.id)
    await tx.conn.execute(update(calendars).where(where).values(**_values(calendar)))


def _values(calendar: WorkCalendar) -> dict[str, Any]:
    return {
        "id": calendar.id,
        "name": calendar.name,
        "timezone": calendar.timezone,
        "week": calendar.week,
        "days_off": list(calendar.days_off),
        "worked_days": [(worked.day, worked.hours) for worked in calendar.worked_days],
        "active": calendar.active,
        "version": calendar.version,
    }


def _calendar(row: Row[*tuple[Any, ...]]) -> WorkCalendar:
    return WorkCalendar(
        id=row.id,
        name=row.name,
        timezone=row.timezone,
        week=tuple(_hours(hours) for hours in row.week),
        days_off=tuple(row.days_off),
        worked_days=tuple(
            WorkedDay(date.fromisoformat(day), None if hours is None else _hours(hours))
            for day, hours in row.worked_days
        ),
        active=row.active,
        version=row.version,
    )


def _hours(stored: list[list[int]]) -> Hours:
    return tuple((start, end) for start, end in stored)
