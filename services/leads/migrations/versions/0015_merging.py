"""Leads that are found to be one.

Revision ID: 0015
"""

from __future__ import annotations

from alembic import op

from services.leads.parts import tables as parts
from shared.database.rls import run, tenant_policy

revision = "0015"
down_revision = "0014"

_LEADS = ("alter table leads add column merged_into uuid",)
_TABLES = (
    """create table merges (
        tenant_id uuid not null,
        id uuid not null,
        lead_id uuid not null,
        into_id uuid not null,
        root_id uuid,
        at timestamp with time zone not null,
        by_id uuid,
        reason text,
        owner_id uuid,
        pool_id uuid,
        pooled_at timestamp with time zone,
        taken jsonb not null,
        taken_seq bigint,
        given_seq bigint,
        undone_at timestamp with time zone,
        undone_by uuid,
        constraint pk_merges primary key (tenant_id, id)
    )""",
    "create index ix_merges_tenant_id_lead_id_at on merges (tenant_id, lead_id, at)",
    "create index ix_merges_tenant_id_into_id_at on merges (tenant_id, into_id, at)",
    """create unique index uq_merges_tenant_id_lead_id on merges (tenant_id, lead_id)
        where root_id is not null""",
    "create index ix_merges_tenant_id_root_id on merges (tenant_id, root_id) where root_id is not null",
)


def upgrade() -> None:
    run(op.execute, _LEADS, _TABLES)
    run(op.execute, tenant_policy("merges"))
    run(op.execute, parts.V1)
