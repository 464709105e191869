"""Pools, what each member claimed on which day, who waits for which lead, and what came in when."""

from __future__ import annotations

from sqlalchemy import (
    ARRAY,
    BigInteger,
    Boolean,
    Column,
    Date,
    DateTime,
    Index,
    Integer,
    Table,
    Text,
    Uuid,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB

from services.leads.bulk import BulkInsert
from services.leads.metadata import metadata
from shared.access.directory import unit_of_user

pools = Table(
    "pools",
    metadata,
    Column("tenant_id", Uuid, primary_key=True),
    Column("id", Uuid, primary_key=True),
    Column("seq", BigInteger, nullable=False),
    Column("name", Text, nullable=False),
    Column("kind", Text, nullable=False, server_default=text("'leads'")),
    Column("is_default", Boolean, nullable=False),
    Column("unit_ids", ARRAY(Uuid), nullable=False),
    Column("user_ids", ARRAY(Uuid), nullable=False),
    Column("admin_ids", ARRAY(Uuid), nullable=False, server_default=text("'{}'")),
    Column("daily_claims", Integer),
    Column("caps", JSONB, nullable=False),
    Column("cooling_days", Integer, nullable=False),
    Column("cooling_team", Boolean, nullable=False),
    Column("keeping", JSONB),
    # Of the custom ones.
    Column("hidden_fields", ARRAY(Text), nullable=False, server_default=text("'{}'")),
    Column("active", Boolean, nullable=False),
    Column("created_at", DateTime(timezone=True), nullable=False),
    Column("updated_at", DateTime(timezone=True), nullable=False),
    Index(
        "uq_pools_tenant_id_kind_is_default",
        "tenant_id",
        "kind",
        unique=True,
        postgresql_where=text("is_default"),
    ),
)

pool_claims = Table(
    "pool_claims",
    metadata,
    Column("tenant_id", Uuid, primary_key=True),
    Column("user_id", Uuid, primary_key=True),
    Column("pool_id", Uuid, primary_key=True),
    # The tenant's natural day.
    Column("day", Date, primary_key=True),
    Column("claims", BigInteger, nullable=False),
)

pool_coolings = Table(
    "pool_coolings",
    metadata,
    Column("tenant_id", Uuid, primary_key=True),
    Column("lead_id", Uuid, primary_key=True),
    Column("user_id", Uuid, primary_key=True),
    # Where the whole team waits.
    Column("team_id", Uuid),
    Column("until", DateTime(timezone=True), nullable=False),
)

pool_entries = Table(
    "pool_entries",
    metadata,
    Column("tenant_id", Uuid, primary_key=True),
    Column("id", Uuid, primary_key=True),
    Column("pool_id", Uuid, nullable=False),
    Column("lead_id", Uuid, nullable=False),
    Column("at", DateTime(timezone=True), nullable=False),
    Column("why", Text, nullable=False),
    Column("previous_owner_id", Uuid),
    Column("by_id", Uuid),
    Column("reason", Text),
    Index("ix_pool_entries_tenant_id_lead_id_at", "tenant_id", "lead_id", "at"),
)

_COLUMNS = (
    "id", "seq", "name", "kind", "is_default", "unit_ids", "user_ids", "admin_ids", "daily_claims", "caps",
    "cooling_days", "cooling_team", "keeping", "hidden_fields", "active", "created_at",
)  # fmt: skip
_SELECT = f"select {', '.join(_COLUMNS)} from pools where tenant_id = $1"  # noqa: S608 - own names
ALL_POOLS = f"{_SELECT} order by id"
_ONE = f"{_SELECT} and id = $2"
# Many claim at once and none of them changes the pool; whoever changes it waits for them.
SHARE_POOL = f"{_ONE} for share"
LOCK_POOL = f"{_ONE} for update"
DEFAULT_POOL = f"{_SELECT} and is_default and kind = $2 for share"
TENANTS_WITH_DEFAULT = (
    "select tenant_id from pools where tenant_id = any($1::uuid[]) and is_default and kind = $2"
)
INSERT_POOL = """
insert into pools (tenant_id, id, seq, name, kind, is_default, unit_ids, user_ids, admin_ids, daily_claims,
                   caps, cooling_days, cooling_team, keeping, hidden_fields, active, created_at, updated_at)
values ($1, $2, 1, $3, $4, $5, $6, $7, $8, $9, $10::jsonb, $11, $12, $13::jsonb, $14, $15, $16, $16)
"""
UPDATE_POOL = """
update pools set name = $3, kind = $4, is_default = $5, unit_ids = $6, user_ids = $7, admin_ids = $8,
  daily_claims = $9, caps = $10::jsonb, cooling_days = $11, cooling_team = $12, keeping = $13::jsonb,
  hidden_fields = $14, active = $15, updated_at = $16
where tenant_id = $1 and id = $2
"""
# Whose pool it is: the active reps named, and those who belong to the units or below.
_OF_MEMBERS = f"""
from org_users u
{unit_of_user()}
where u.tenant_id = $1 and u.is_rep and u.active and (u.id = any($3::uuid[]) or n.path && $2::uuid[])
"""
COUNT_MEMBERS = f"select count(*) {_OF_MEMBERS}"
MEMBERS = f"select u.id {_OF_MEMBERS} order by u.code, u.id"
# The active pools of which somebody is a member who belongs to a unit, or with $3 to one at or below it.
POOLS_OF_UNIT = f"""
select p.id from pools p where p.tenant_id = $1 and p.active and exists (
  select from org_users u
  {unit_of_user()}
  where u.tenant_id = $1 and u.is_rep and u.active and (u.id = any(p.user_ids) or n.path && p.unit_ids)
    and (n.id = $2 or ($3 and $2 = any(n.path))))
"""  # noqa: S608 - our own words
CLAIMS_OF = """
select user_id, claims from pool_claims
where tenant_id = $1 and user_id = any($2::uuid[]) and pool_id = $3 and day = $4
"""
COUNT_CLAIM = """
insert into pool_claims as c (tenant_id, user_id, pool_id, day, claims) values ($1, $2, $3, $4, 1)
on conflict (tenant_id, user_id, pool_id, day) do update set claims = c.claims + 1
"""
COOLINGS = """
select lead_id, user_id, team_id, until from pool_coolings
where tenant_id = $1 and lead_id = any($2::uuid[]) and until > $3
"""
COOL = """
insert into pool_coolings (tenant_id, lead_id, user_id, team_id, until)
select $1, r.lead_id, r.user_id, r.team_id, r.until
from unnest($2::uuid[], $3::uuid[], $4::uuid[], $5::timestamptz[]) as r(lead_id, user_id, team_id, until)
order by r.lead_id, r.user_id
on conflict (tenant_id, lead_id, user_id) do update set team_id = excluded.team_id, until = excluded.until
"""
INSERT_ENTRIES = BulkInsert(pool_entries, [column.name for column in pool_entries.columns])
ENTRIES_OF_LEAD = """
select id, pool_id, at, why, previous_owner_id, by_id, reason from pool_entries
where tenant_id = $1 and lead_id = $2 order by at, id
"""


FORGET_ENTRIES = """
update pool_entries set reason = null
where tenant_id = $1 and lead_id = any($2::uuid[]) and reason is not null
"""
