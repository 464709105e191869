"""Profiles and absences. Whoever writes them holds the lock on the tenant's row."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import (
    ARRAY,
    BigInteger,
    CheckConstraint,
    Column,
    DateTime,
    ForeignKeyConstraint,
    Index,
    Integer,
    Row,
    Table,
    Text,
    Uuid,
    delete,
    insert,
    select,
    tuple_,
)
from sqlalchemy.dialects.postgresql import insert as upsert

from services.gateway.metadata import metadata
from services.gateway.tenancy.scope import tenant_of
from services.gateway.working.rules import Absence, Profile
from shared.database.transactions import Tx

profiles = Table(
    "profiles",
    metadata,
    Column("tenant_id", Uuid, primary_key=True),
    Column("user_id", Uuid, primary_key=True),
    Column("level", Text),
    Column("capacity", Integer),
    Column("skills", ARRAY(Text), nullable=False),
    Column("languages", ARRAY(Text), nullable=False),
    Column("territories", ARRAY(Text), nullable=False),
    Column("timezone", Text),
    Column("calendar_id", Uuid),
    Column("version", BigInteger, nullable=False),
    ForeignKeyConstraint(["tenant_id", "user_id"], ["users.tenant_id", "users.id"]),
    ForeignKeyConstraint(["tenant_id", "calendar_id"], ["calendars.tenant_id", "calendars.id"]),
)

absences = Table(
    "absences",
    metadata,
    Column("tenant_id", Uuid, primary_key=True),
    Column("id", Uuid, primary_key=True),
    Column("user_id", Uuid, nullable=False),
    Column("kind", Text, nullable=False),
    Column("from_at", DateTime(timezone=True), nullable=False),
    Column("to_at", DateTime(timezone=True), nullable=False),
    Column("recorded_by", Uuid),
    Column("recorded_at", DateTime(timezone=True), nullable=False),
    ForeignKeyConstraint(["tenant_id", "user_id"], ["users.tenant_id", "users.id"]),
    CheckConstraint("kind in ('leave', 'rest', 'training', 'other')", name="known_kind"),
    CheckConstraint("from_at < to_at", name="some_time"),
    Index("uq_absences_interval", "tenant_id", "user_id", "from_at", "to_at", unique=True),
)

_ABSENCE = (
    absences.c.id,
    absences.c.user_id,
    absences.c.kind,
    absences.c.from_at,
    absences.c.to_at,
    absences.c.recorded_by,
    absences.c.recorded_at,
)


async def load_profile(tx: Tx, user_id: UUID) -> Profile | None:
    query = select(profiles).where(profiles.c.tenant_id == tenant_of(tx), profiles.c.user_id == user_id)
    row = (await tx.conn.execute(query)).one_or_none()
    return None if row is None else _profile(row)


async def store_profile(tx: Tx, profile: Profile) -> None:
    values = {
        "level": profile.level,
        "capacity": profile.capacity,
        "skills": list(profile.skills),
        "languages": list(profile.languages),
        "territories": list(profile.territories),
        "timezone": profile.timezone,
        "calendar_id": profile.calendar_id,
        "version": profile.version,
    }
    statement = upsert(profiles).values(tenant_id=tenant_of(tx), user_id=profile.user_id, **values)
    await tx.conn.execute(
        statement.on_conflict_do_update(index_elements=["tenant_id", "user_id"], set_=values)
    )


async def users_of_calendar(tx: Tx, calendar_id: UUID) -> list[UUID]:
    """The users whose own calendar it is."""
    query = select(profiles.c.user_id).where(
        profiles.c.tenant_id == tenant_of(tx), profiles.c.calendar_id == calendar_id
    )
    return list((await tx.conn.scalars(query)).all())


async def page_absences(
    tx: Tx, user_id: UUID, *, after: tuple[datetime, UUID] | None, limit: int
) -> list[Absence]:
    """Absences of a user, the last to begin first."""
    a = absences.c
    query = select(*_ABSENCE).where(a.tenant_id == tenant_of(tx), a.user_id == user_id)
    if after is not None:
        query = query.where(tuple_(a.from_at, a.id) < after)
    rows = await tx.conn.execute(query.order_by(a.from_at.desc(), a.id.desc()).limit(limit))
    return [Absence(*row) for row in rows]


async def find_absence(tx: Tx, user_id: UUID, absence_id: UUID) -> Absence | None:
    a = absences.c
    query = select(*_ABSENCE).where(a.tenant_id == tenant_of(tx), a.id == absence_id, a.user_id == user_id)
    row = (await tx.conn.execute(query)).one_or_none()
    return None if row is None else Absence(*row)


async def is_recorded(tx: Tx, user_id: UUID, from_at: datetime, to_at: datetime) -> bool:
    """Whether the user has an absence of exactly these times."""
    a = absences.c
    query = select(a.id).where(
        a.tenant_id == tenant_of(tx), a.user_id == user_id, a.from_at == from_at, a.to_at == to_at
    )
    return bool(await tx.conn.scalar(select(query.exists())))


async def insert_absence(tx: Tx, absence: Absence) -> None:
    await tx.conn.execute(
        insert(absences).values(
            tenant_id=tenant_of(tx),
            id=absence.id,
            user_id=absence.user_id,
            kind=absence.kind,
            from_at=absence.from_at,
            to_at=absence.to_at,
            recorded_by=absence.recorded_by,
            recorded_at=absence.recorded_at,
        )
    )


async def delete_absence(tx: Tx, absence: Absence) -> None:
    a = absences.c
    await tx.conn.execute(delete(absences).where(a.tenant_id == tenant_of(tx), a.id == absence.id))


def _profile(row: Row[*tuple[Any, ...]]) -> Profile:
    return Profile(
        user_id=row.user_id,
        level=row.level,
        capacity=row.capacity,
        skills=tuple(row.skills),
        languages=tuple(row.languages),
        territories=tuple(row.territories),
        timezone=row.timezone,
        calendar_id=row.calendar_id,
        version=row.version,
    )
