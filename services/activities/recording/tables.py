"""Activities, and the keys by which clients and imports name theirs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    ColumnElement,
    DateTime,
    Index,
    Integer,
    Table,
    Text,
    Uuid,
    select,
    tuple_,
)

from services.activities.metadata import metadata
from shared.access.visibility import visible
from shared.database.transactions import Tx

activities = Table(
    "activities",
    metadata,
    Column("tenant_id", Uuid, primary_key=True),
    Column("id", Uuid, primary_key=True),
    Column("seq", BigInteger, nullable=False),
    Column("kind", Text, nullable=False),
    Column("lead_id", Uuid),
    # Who did it, and the team of that time; nobody known: the lead's owner's team.
    Column("rep_id", Uuid),
    Column("team_id", Uuid),
    # The lead's owner at that time.
    Column("owner_id", Uuid),
    Column("recorded_by", Uuid),
    Column("started_at", DateTime(timezone=True), nullable=False),
    Column("duration_s", Integer),
    Column("outcome", Text),
    Column("effective", Boolean, nullable=False),
    Column("note", Text),
    Column("region", Text),
    Column("product", Text),
    Column("channel", Text),
    Column("historic", Boolean, nullable=False),
    Column("recorded_at", DateTime(timezone=True), nullable=False),
    CheckConstraint(
        "kind in ('call', 'visit', 'email', 'meeting', 'demo', 'message', 'task')", name="known_kind"
    ),
    Index("ix_activities_newest", "tenant_id", "started_at", "id"),
    Index("ix_activities_of_lead", "tenant_id", "lead_id", "started_at", "id"),
    Index("ix_activities_of_rep", "tenant_id", "rep_id", "started_at", "id"),
)

activity_keys = Table(
    "activity_keys",
    metadata,
    Column("tenant_id", Uuid, primary_key=True),
    # `client:<principal>` or `import:<source>`.
    Column("scope", Text, primary_key=True),
    Column("key", Text, primary_key=True),
    Column("activity_id", Uuid, nullable=False),
    Column("digest", Text, nullable=False),
)


@dataclass(frozen=True, slots=True)
class Activity:
    """A row of `activities`, without its tenant; `seq` is its version. Times in UTC, `duration_s` in
    seconds.
    """

    id: UUID
    seq: int
    kind: str
    lead_id: UUID | None
    rep_id: UUID | None
    team_id: UUID | None
    owner_id: UUID | None
    recorded_by: UUID | None
    started_at: datetime
    duration_s: int | None
    outcome: str | None
    effective: bool
    note: str | None
    region: str | None
    product: str | None
    channel: str | None
    historic: bool
    recorded_at: datetime


_NAMES = tuple(Activity.__slots__)
_READ = [activities.c[name] for name in _NAMES]
# Arrays of one type each: a thousand rows go in by one statement, one row by the same.
_TYPES = (
    "uuid", "bigint", "text", "uuid", "uuid", "uuid", "uuid", "uuid", "timestamptz", "int", "text", "boolean",
    "text", "text", "text", "text", "boolean", "timestamptz",
)  # fmt: skip
_ARRAYS = ", ".join(f"${at}::{kind}[]" for at, kind in enumerate(_TYPES, start=2))
# ruff: noqa: S608 - the only names put into statements are those of our own columns
_INSERT = f"""insert into activities (tenant_id, {", ".join(_NAMES)})
    select $1, r.* from unnest({_ARRAYS}) r({", ".join(_NAMES)})"""

_EMPTY = """update activities set note = null
    where tenant_id = $1 and lead_id = any($2::uuid[]) and note is not null"""

_CLAIM = """insert into activity_keys as k (tenant_id, scope, key, activity_id, digest)
    select $1, $2, r.key, r.activity_id, r.digest from unnest($3::text[], $4::uuid[], $5::text[])
        r(key, activity_id, digest) order by r.key
    on conflict (tenant_id, scope, key) do update set activity_id = k.activity_id
    returning key, activity_id, digest"""


@dataclass(frozen=True, slots=True)
class Claim:
    """A key after it was claimed: the activity that it stands for, and the digest of what it was first used
    for.
    """

    activity_id: UUID
    digest: str


async def claim_keys(tx: Tx, scope: str, keys: Sequence[tuple[str, UUID, str]]) -> dict[str, Claim]:
    """Claim (key, new activity's id, digest), each once. A key in use keeps its activity; a rival is waited
    for.
    """
    rows = await tx.connection.fetch(
        _CLAIM,
        tx.tenant_id,
        scope,
        [key[0] for key in keys],
        [key[1] for key in keys],
        [key[2] for key in keys],
    )
    return {row["key"]: Claim(row["activity_id"], row["digest"]) for row in rows}


async def insert_activities(tx: Tx, rows: Sequence[Activity]) -> None:
    """Store new activities, any number by one statement."""
    if rows:
        columns = [[getattr(row, name) for row in rows] for name in _NAMES]
        await tx.connection.execute(_INSERT, tx.tenant_id, *columns)


async def empty_notes(tx: Tx, tenant_id: UUID, lead_ids: Sequence[UUID]) -> None:
    """Whatever was written about these leads."""
    await tx.connection.execute(_EMPTY, tenant_id, list(lead_ids))


async def load_activity(tx: Tx, activity_id: UUID) -> Activity | None:
    """One activity that the caller may see."""
    found = await list_activities(tx, [activities.c.id == activity_id], None, 1)
    return found[0] if found else None


async def load_own(tx: Tx, activity_id: UUID) -> Activity | None:
    """One activity that the caller recorded, whoever may see it now."""
    await tx.as_tenant()
    row = (
        await tx.conn.execute(
            select(*_READ).where(activities.c.tenant_id == tx.tenant_id, activities.c.id == activity_id)
        )
    ).one_or_none()
    return None if row is None else _activity(row)


async def list_activities(
    tx: Tx, where: Sequence[ColumnElement[bool]], after: tuple[datetime, UUID] | None, limit: int
) -> list[Activity]:
    """Activities that the caller may see, newest first."""
    assert tx.access is not None  # noqa: S101 - nobody reads without saying who asks
    a = activities.c
    seen = visible(activities, tx.access, owner="rep_id", creator="recorded_by")
    query = select(*_READ).where(seen, *where)
    if after is not None:
        query = query.where(tuple_(a.started_at, a.id) < tuple_(*after))
    rows = await tx.conn.execute(query.order_by(a.started_at.desc(), a.id.desc()).limit(limit))
    return [_activity(row) for row in rows]


def _activity(row: Any) -> Activity:
    return Activity(*row)
