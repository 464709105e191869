"""A key for each lead of which something was changed."""

from __future__ import annotations

from sqlalchemy import Column, LargeBinary, Table, Uuid

from services.leads.metadata import metadata

person_keys = Table(
    "person_keys",
    metadata,
    Column("tenant_id", Uuid, primary_key=True),
    Column("lead_id", Uuid, primary_key=True),
    # As `rules.stored_key` says; gone with the person.
    Column("key", LargeBinary, nullable=False),
)

# Whoever changes a lead has locked it: nobody else makes its key at the same time.
ENSURE = """
with made as (
  insert into person_keys (tenant_id, lead_id, key) values ($1, $2, $3)
  on conflict (tenant_id, lead_id) do nothing returning key)
select key from made union all select key from person_keys where tenant_id = $1 and lead_id = $2 limit 1
"""
SELECT = "select lead_id, key from person_keys where tenant_id = $1 and lead_id = any($2::uuid[])"
FORGET = "delete from person_keys where tenant_id = $1 and lead_id = any($2::uuid[])"
