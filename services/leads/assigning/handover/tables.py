"""What became of the leads of people who left: a row per departure, and one per lead that changed hands."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, DateTime, Index, Table, Uuid
from sqlalchemy.dialects.postgresql import JSONB

from services.leads.metadata import metadata

handovers = Table(
    "handovers",
    metadata,
    Column("tenant_id", Uuid, primary_key=True),
    Column("departure_id", Uuid, primary_key=True),
    Column("user_id", Uuid, nullable=False),
    Column("left_at", DateTime(timezone=True), nullable=False),
    # Null: nothing was said of the leads.
    Column("rule", JSONB),
    # What each candidate got so far, as a preview tells it.
    Column("shares", JSONB, nullable=False),
    Column("given", BigInteger, nullable=False),
    Column("pooled", BigInteger, nullable=False),
    Column("stayed", BigInteger, nullable=False),
    Column("returned", BigInteger, nullable=False),
    Column("began_at", DateTime(timezone=True), nullable=False),
    Column("ended_at", DateTime(timezone=True)),
    Column("returned_at", DateTime(timezone=True)),
    Index("ix_handovers_tenant_id_user_id_left_at", "tenant_id", "user_id", "left_at"),
)

handed_leads = Table(
    "handed_leads",
    metadata,
    Column("tenant_id", Uuid, primary_key=True),
    Column("departure_id", Uuid, primary_key=True),
    Column("lead_id", Uuid, primary_key=True),
    Column("at", DateTime(timezone=True), nullable=False),
    # One of them: who got it, or where it was put.
    Column("owner_id", Uuid),
    Column("pool_id", Uuid),
)

_COLUMNS = (
    "departure_id, user_id, left_at, rule, shares, given, pooled, stayed, returned, began_at, ended_at,"
    " returned_at"
)
BEGIN = """
insert into handovers (tenant_id, departure_id, user_id, left_at, rule, began_at, ended_at, shares, given,
                       pooled, stayed, returned)
values ($1, $2, $3, $4, $5::jsonb, $6, $7, '[]', 0, 0, 0, 0) on conflict do nothing
"""
LOCK_ONE = f"select {_COLUMNS} from handovers where tenant_id = $1 and departure_id = $2 for update"  # noqa: S608 - own names
OF_USER = f"""
select {_COLUMNS} from handovers where tenant_id = $1 and user_id = $2
order by left_at desc, departure_id desc
"""  # noqa: S608
GO_ON = """
update handovers set shares = $3::jsonb, given = $4, pooled = $5, stayed = $6, returned = $7, ended_at = $8,
  returned_at = $9
where tenant_id = $1 and departure_id = $2
"""
HAND = """
insert into handed_leads (tenant_id, departure_id, lead_id, at, owner_id, pool_id)
select $1, $2, r.lead_id, $3, r.owner_id, r.pool_id
from unnest($4::uuid[], $5::uuid[], $6::uuid[]) as r(lead_id, owner_id, pool_id)
"""
HANDED = """
select lead_id, at, owner_id, pool_id from handed_leads
where tenant_id = $1 and departure_id = $2 and ($3::uuid is null or lead_id > $3)
order by lead_id limit $4
"""
