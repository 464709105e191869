"""Pipelines as they are now; their past is in the journal."""

from __future__ import annotations

from sqlalchemy import BigInteger, Boolean, Column, DateTime, Index, Table, Text, Uuid, text
from sqlalchemy.dialects.postgresql import JSONB

from services.leads.metadata import metadata

pipelines = Table(
    "pipelines",
    metadata,
    Column("tenant_id", Uuid, primary_key=True),
    Column("id", Uuid, primary_key=True),
    Column("seq", BigInteger, nullable=False),
    Column("key", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("is_default", Boolean, nullable=False),
    Column("stages", JSONB, nullable=False),
    Column("created_at", DateTime(timezone=True), nullable=False),
    Column("updated_at", DateTime(timezone=True), nullable=False),
    Index("uq_pipelines_tenant_id_key", "tenant_id", "key", unique=True),
    Index(
        "uq_pipelines_tenant_id_is_default",
        "tenant_id",
        unique=True,
        postgresql_where=text("is_default"),
    ),
)

SELECT = "select id, seq, key, name, is_default, stages from pipelines where tenant_id = $1"
LOCK_ALL = f"{SELECT} order by id for update"
INSERT = """
insert into pipelines (tenant_id, id, seq, key, name, is_default, stages, created_at, updated_at)
values ($1, $2, 1, $3, $4, $5, $6::jsonb, $7, $7) on conflict do nothing returning id
"""
UPDATE = """
update pipelines set name = $3, is_default = $4, stages = $5::jsonb, updated_at = $6
where tenant_id = $1 and id = $2
"""
