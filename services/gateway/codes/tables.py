"""Codes, how often each was scanned on a day of the tenant's, and which leads came by it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Date,
    DateTime,
    ForeignKeyConstraint,
    Index,
    Row,
    SmallInteger,
    Table,
    Text,
    UniqueConstraint,
    Uuid,
    and_,
    insert,
    select,
    update,
)
from sqlalchemy.dialects.postgresql import JSONB

from services.gateway.codes.rules import Code, Day
from services.gateway.forms.asked import Fixed
from services.gateway.forms.keyed import row_by_public_key
from services.gateway.metadata import metadata
from shared.database.transactions import Tx

codes = Table(
    "codes",
    metadata,
    Column("tenant_id", Uuid, primary_key=True),
    Column("id", Uuid, primary_key=True),
    Column("seq", BigInteger, nullable=False),
    # People come with it alone, before any tenant is known: it is unique in the installation.
    Column("key", Text, nullable=False, unique=True),
    Column("name", Text, nullable=False),
    Column("enabled", Boolean, nullable=False),
    Column("form_id", Uuid),
    Column("url", Text),
    Column("fixed", JSONB, nullable=False),
    Column("changed_by", Uuid),
    Column("created_at", DateTime(timezone=True), nullable=False),
    Column("updated_at", DateTime(timezone=True), nullable=False),
    UniqueConstraint("tenant_id", "name"),
    ForeignKeyConstraint(["tenant_id", "form_id"], ["forms.tenant_id", "forms.id"]),
    CheckConstraint("(form_id is null) <> (url is null)", name="one_target"),
)

code_scans = Table(
    "code_scans",
    metadata,
    Column("tenant_id", Uuid, primary_key=True),
    Column("code_id", Uuid, primary_key=True),
    Column("day", Date, primary_key=True),
    # A day's scans lie in several rows, so that a crowd at a poster does not queue for one.
    Column("part", SmallInteger, primary_key=True),
    Column("scans", BigInteger, nullable=False),
)

code_leads = Table(
    "code_leads",
    metadata,
    Column("tenant_id", Uuid, primary_key=True),
    # Of a person that is forgotten it says no more than that somebody came by a code.
    Column("lead_id", Uuid, primary_key=True),
    Column("code_id", Uuid, nullable=False),
    Column("day", Date, nullable=False),
    Index("ix_code_leads_code", "tenant_id", "code_id", "day"),
)

_SCANNED = """
insert into code_scans as s (tenant_id, code_id, day, part, scans) values ($1, $2, $3, $4, 1)
on conflict (tenant_id, code_id, day, part) do update set scans = s.scans + 1
"""
_CAME = """
insert into code_leads (tenant_id, lead_id, code_id, day) values ($1, $2, $3, $4) on conflict do nothing
"""
_DAYS = """
with scanned as (
  select day, sum(scans)::bigint as scans from code_scans
  where tenant_id = $1 and code_id = $2 and day between $3 and $4 group by day),
came as (
  select day, count(*) as leads from code_leads
  where tenant_id = $1 and code_id = $2 and day between $3 and $4 group by day)
select day, coalesce(scans, 0) as scans, coalesce(leads, 0) as leads
from scanned full join came using (day) order by day
"""


async def insert_code(tx: Tx, code: Code) -> None:
    """Raises SQLAlchemy's IntegrityError where the name is in use."""
    await tx.conn.execute(
        insert(codes).values(
            tenant_id=code.tenant_id, id=code.id, seq=code.version, created_at=code.created_at, **_row(code)
        )
    )


async def store_code(tx: Tx, code: Code) -> None:
    """Raises SQLAlchemy's IntegrityError where the name is in use."""
    where = and_(codes.c.tenant_id == code.tenant_id, codes.c.id == code.id)
    await tx.conn.execute(update(codes).where(where).values(_row(code)))


async def load_code(tx: Tx, code_id: UUID, *, lock: bool = False) -> Code | None:
    query = select(codes).where(codes.c.tenant_id == tx.tenant_id, codes.c.id == code_id)
    row = (await tx.conn.execute(query.with_for_update() if lock else query)).one_or_none()
    return _code(row) if row else None


async def page_codes(tx: Tx, after: UUID | None, limit: int) -> list[Code]:
    """In id order."""
    query = select(codes).where(codes.c.tenant_id == tx.tenant_id)
    if after is not None:
        query = query.where(codes.c.id > after)
    return [_code(row) for row in await tx.conn.execute(query.order_by(codes.c.id).limit(limit))]


async def code_by_key(tx: Tx, key: str) -> Code | None:
    row = await row_by_public_key(tx, codes, key)
    return _code(row) if row else None


async def add_scan(tx: Tx, code: Code, day: date, part: int) -> None:
    await tx.connection.execute(_SCANNED, code.tenant_id, code.id, day, part)


async def add_lead(tx: Tx, code: Code, lead_id: UUID, day: date) -> None:
    await tx.connection.execute(_CAME, code.tenant_id, lead_id, code.id, day)


async def days_of(tx: Tx, code_id: UUID, first: date, last: date) -> list[Day]:
    """Those on which anything happened, in their order."""
    rows = await tx.connection.fetch(_DAYS, tx.tenant_id, code_id, first, last)
    return [Day(row["day"], row["scans"], row["leads"]) for row in rows]


def _row(code: Code) -> Mapping[str, Any]:
    return {
        "key": code.key,
        "name": code.name,
        "enabled": code.enabled,
        "form_id": code.form_id,
        "url": code.url,
        "fixed": code.fixed.model_dump(mode="json"),
        "changed_by": code.changed_by,
        "updated_at": code.updated_at,
    }


def _code(row: Row[*tuple[Any, ...]]) -> Code:
    return Code(
        id=row.id,
        tenant_id=row.tenant_id,
        version=row.seq,
        key=row.key,
        name=row.name,
        form_id=row.form_id,
        url=row.url,
        fixed=Fixed.model_validate(row.fixed),
        enabled=row.enabled,
        changed_by=row.changed_by,
        created_at=row.created_at,
        updated_at=row.updated_at,
    )
