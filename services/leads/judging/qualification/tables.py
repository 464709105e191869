"""What is known of each lead, and what it rests on."""

from __future__ import annotations

from sqlalchemy import CheckConstraint, Column, DateTime, Table, Text, Uuid

from services.leads.metadata import metadata

qualifications = Table(
    "qualifications",
    metadata,
    Column("tenant_id", Uuid, primary_key=True),
    Column("lead_id", Uuid, primary_key=True),
    Column("criterion", Text, primary_key=True),
    Column("answer", Text, nullable=False),
    # Words of a person; they stay in leads, and go when somebody is forgotten.
    Column("evidence", Text),
    Column("activity_id", Uuid),
    Column("by_id", Uuid),
    Column("at", DateTime(timezone=True), nullable=False),
    CheckConstraint("answer in ('yes', 'no', 'unknown')", name="known_answer"),
)

SELECT = """
select criterion, answer, evidence, activity_id, by_id, at from qualifications
where tenant_id = $1 and lead_id = $2
"""
UPSERT = """
insert into qualifications (tenant_id, lead_id, criterion, answer, evidence, activity_id, by_id, at)
select $1, $2, r.criterion, r.answer, r.evidence, r.activity_id, r.by_id, r.at
from unnest($3::text[], $4::text[], $5::text[], $6::uuid[], $7::uuid[], $8::timestamptz[])
  as r(criterion, answer, evidence, activity_id, by_id, at)
on conflict (tenant_id, lead_id, criterion) do update set answer = excluded.answer,
  evidence = excluded.evidence, activity_id = excluded.activity_id, by_id = excluded.by_id, at = excluded.at
"""
FORGET = "update qualifications set evidence = null where tenant_id = $1 and lead_id = any($2::uuid[])"
