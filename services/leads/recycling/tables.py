"""Terms that somebody extended."""

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

EXTENDED = """
select lead_id, owner_id, since from extensions where tenant_id = $1 and lead_id = any($2::uuid[])
"""
EXTEND = """
insert into extensions (tenant_id, lead_id, owner_id, since, at, by_id, reason)
values ($1, $2, $3, $4, $5, $6, $7) on conflict do nothing returning true
"""
