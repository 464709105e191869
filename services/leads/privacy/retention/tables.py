"""The policy of a tenant, and the leads whose owners were warned."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, DateTime, Index, Integer, Table, Uuid

from services.leads.metadata import metadata

retention_policies = Table(
    "retention_policies",
    metadata,
    Column("tenant_id", Uuid, primary_key=True),
    Column("id", Uuid, primary_key=True),
    Column("seq", BigInteger, nullable=False),
    Column("unanswered_months", Integer),
    Column("warn_days", Integer, nullable=False),
    Index("uq_retention_policies_tenant_id", "tenant_id", unique=True),
)

retention_warnings = Table(
    "retention_warnings",
    metadata,
    Column("tenant_id", Uuid, primary_key=True),
    Column("lead_id", Uuid, primary_key=True),
    # The last sign of life then: after another one the warning counts no more.
    Column("since", DateTime(timezone=True), nullable=False),
    Column("warned_at", DateTime(timezone=True), nullable=False),
    Column("ends_at", DateTime(timezone=True), nullable=False),
    Index("ix_retention_warnings_tenant_id_ends_at_lead_id", "tenant_id", "ends_at", "lead_id"),
)

POLICY = (
    "select id, seq as version, unanswered_months, warn_days from retention_policies where tenant_id = $1"
)
LOCK_POLICY = f"{POLICY} for update"
INSERT = """
insert into retention_policies (tenant_id, id, seq, unanswered_months, warn_days) values ($1, $2, 1, $3, $4)
"""
UPDATE = """
update retention_policies set unanswered_months = $3, warn_days = $4 where tenant_id = $1 and id = $2
"""
# By the key, which is in the order in which leads came: nothing else of them is looked at.
CAME_BEFORE = """
select id from leads where tenant_id = $1 and ($2::uuid is null or id > $2) and id < $3 order by id limit $4
"""
CAME_NEXT = "select id from leads where tenant_id = $1 and id >= $2 order by id limit 1"
WARNINGS = """
select lead_id, since, ends_at from retention_warnings where tenant_id = $1 and lead_id = any($2::uuid[])
"""
WARN = """
insert into retention_warnings (tenant_id, lead_id, since, warned_at, ends_at) values ($1, $2, $3, $4, $5)
on conflict (tenant_id, lead_id) do update
  set since = excluded.since, warned_at = excluded.warned_at, ends_at = excluded.ends_at
"""
CALL_OFF = "delete from retention_warnings where tenant_id = $1 and lead_id = any($2::uuid[])"
CALL_ALL_OFF = "delete from retention_warnings where tenant_id = $1"
# Row-level security lets through whose leads the caller sees.
PENDING = """
select w.lead_id, w.warned_at, w.ends_at from retention_warnings w
join leads l on l.tenant_id = w.tenant_id and l.id = w.lead_id
where w.tenant_id = $1 and ($2::timestamptz is null or (w.ends_at, w.lead_id) > ($2, $3))
order by w.ends_at, w.lead_id limit $4
"""
