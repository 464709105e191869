"""Leads that are found to be one.

Revision ID: 0015
"""

from __future__ import annotations

from alembic import op

from services.leads.deduplication.likeness import tables as likeness
from services.leads.deduplication.parts import tables as parts
from shared.database.rls import run, search_policy, tenant_policy

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
_DUPLICATES = (
    """create table duplicate_policies (
        tenant_id uuid not null,
        id uuid not null,
        seq bigint not null,
        phone text not null,
        email text not null,
        credit_code text not null,
        wecom_id text not null,
        family text not null,
        company text not null,
        updated_at timestamp with time zone not null,
        constraint pk_duplicate_policies primary key (tenant_id, id)
    )""",
    "create unique index uq_duplicate_policies_tenant_id on duplicate_policies (tenant_id)",
    """create table lead_relatives (
        tenant_id uuid not null,
        lead_id uuid not null,
        id uuid not null,
        relation text not null,
        name text,
        phone text,
        phone_text text,
        created_at timestamp with time zone not null,
        created_by uuid,
        constraint pk_lead_relatives primary key (tenant_id, lead_id, id)
    )""",
    "create index ix_lead_relatives_tenant_id_phone on lead_relatives (tenant_id, phone)",
)
_LIKENESS = (
    """create table company_names (
        tenant_id uuid not null,
        core text not null,
        brand text not null,
        constraint pk_company_names primary key (tenant_id, core)
    )""",
    "create index ix_company_names_brand on company_names using gin (brand gin_trgm_ops)",
    """create table lead_companies (
        tenant_id uuid not null,
        lead_id uuid not null,
        core text not null,
        constraint pk_lead_companies primary key (tenant_id, lead_id)
    )""",
    "create index ix_lead_companies_tenant_id_core_lead_id on lead_companies (tenant_id, core, lead_id)",
    """create table duplicate_suspects (
        tenant_id uuid not null,
        id uuid not null,
        lead_id uuid not null,
        other_id uuid not null,
        likeness smallint not null,
        reason text not null,
        found_at timestamp with time zone not null,
        state text not null,
        decided_at timestamp with time zone,
        decided_by uuid,
        constraint pk_duplicate_suspects primary key (tenant_id, id)
    )""",
    """create unique index uq_duplicate_suspects_tenant_id_lead_id
        on duplicate_suspects (tenant_id, lead_id, other_id)""",
    "create index ix_duplicate_suspects_tenant_id_other_id on duplicate_suspects (tenant_id, other_id)",
    """create index ix_duplicate_suspects_tenant_id_id_open on duplicate_suspects (tenant_id, id)
        where state = 'open'""",
)
_OF_THE_TENANT = (
    "merges", "duplicate_policies", "lead_relatives", "company_names", "lead_companies", "duplicate_suspects",
)  # fmt: skip


def upgrade() -> None:
    run(op.execute, _LEADS, _TABLES, _DUPLICATES, _LIKENESS)
    run(op.execute, *map(tenant_policy, _OF_THE_TENANT))
    run(op.execute, search_policy("company_names"), parts.V1, likeness.FUNCTIONS)
