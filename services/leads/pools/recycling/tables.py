"""Terms that somebody extended or had stand still, and warnings that were given."""

from __future__ import annotations

from sqlalchemy import Column, DateTime, Table, Text, Uuid

from services.leads.metadata import metadata

extensions = Table(
    "extensions",
    metadata,
    Column("tenant_id", Uuid, primary_key=True),
    Column("lead_id", Uuid, primary_key=True),
    # Of this owner, who has the lead since then: in other hands a term is a new one.
    Column("owner_id", Uuid, primary_key=True),
    Column("since", DateTime(timezone=True), primary_key=True),
    Column("at", DateTime(timezone=True), nullable=False),
    Column("by_id", Uuid),
    Column("reason", Text),
)

term_locks = Table(
    "term_locks",
    metadata,
    Column("tenant_id", Uuid, primary_key=True),
    Column("lead_id", Uuid, primary_key=True),
    Column("from_at", DateTime(timezone=True), primary_key=True),
    Column("until_at", DateTime(timezone=True), nullable=False),
    Column("by_id", Uuid),
    Column("reason", Text),
)

warnings_given = Table(
    "warnings_given",
    metadata,
    Column("tenant_id", Uuid, primary_key=True),
    Column("lead_id", Uuid, primary_key=True),
    # When the last one was planned for.
    Column("warned_of", DateTime(timezone=True), nullable=False),
)

WARNED = "select lead_id, warned_of from warnings_given where tenant_id = $1 and lead_id = any($2::uuid[])"
WARN = """
insert into warnings_given (tenant_id, lead_id, warned_of) values ($1, $2, $3)
on conflict (tenant_id, lead_id) do update set warned_of = excluded.warned_of
"""
LOCKS = """
select lead_id, from_at, until_at from term_locks where tenant_id = $1 and lead_id = any($2::uuid[])
order by lead_id, from_at
"""
LOCK = """
insert into term_locks (tenant_id, lead_id, from_at, until_at, by_id, reason) values ($1, $2, $3, $4, $5, $6)
on conflict (tenant_id, lead_id, from_at) do update
  set until_at = excluded.until_at, by_id = excluded.by_id, reason = excluded.reason
"""
UNLOCK = """
update term_locks set until_at = $3 where tenant_id = $1 and lead_id = $2 and from_at <= $3 and until_at > $3
returning true
"""
EXTENDED = """
select lead_id, owner_id, since from extensions where tenant_id = $1 and lead_id = any($2::uuid[])
"""
EXTEND = """
insert into extensions (tenant_id, lead_id, owner_id, since, at, by_id, reason)
values ($1, $2, $3, $4, $5, $6, $7) on conflict do nothing returning true
"""


FORGET = (
    "update extensions set reason = null where tenant_id = $1 and lead_id = any($2::uuid[])",
    "update term_locks set reason = null where tenant_id = $1 and lead_id = any($2::uuid[])",
)
