"""Pools: who may claim which leads, and which leads lie in them.

Revision ID: 0003
"""

from __future__ import annotations

from alembic import op

from services.leads.finding.search import tables as search
from shared.database.rls import run, tenant_policy

revision = "0003"
down_revision = "0002"

_LEADS = (
    """alter table leads
        add column do_not_contact boolean not null default false,
        add column pool_id uuid,
        add column pooled_at timestamp with time zone""",
    "create index ix_leads_tenant_id_pool_id_id on leads (tenant_id, pool_id, id) where pooled_at is not null",
    """create index ix_leads_tenant_id_pool_id_id_owned on leads (tenant_id, pool_id, id)
        where owner_id is not null and status = 'open'""",
    "alter table assignments add column pool_id uuid",
)
_TABLES = (
    """create table pools (
        tenant_id uuid not null,
        id uuid not null,
        seq bigint not null,
        name text not null,
        is_default boolean not null,
        unit_ids uuid[] not null,
        user_ids uuid[] not null,
        daily_claims integer,
        caps jsonb not null,
        cooling_days integer not null,
        cooling_team boolean not null,
        keeping jsonb,
        active boolean not null,
        created_at timestamp with time zone not null,
        updated_at timestamp with time zone not null,
        constraint pk_pools primary key (tenant_id, id)
    )""",
    "create unique index uq_pools_tenant_id_is_default on pools (tenant_id) where is_default",
    """create table pool_claims (
        tenant_id uuid not null,
        user_id uuid not null,
        pool_id uuid not null,
        day date not null,
        claims bigint not null,
        constraint pk_pool_claims primary key (tenant_id, user_id, pool_id, day)
    )""",
    """create table pool_coolings (
        tenant_id uuid not null,
        lead_id uuid not null,
        user_id uuid not null,
        team_id uuid,
        until timestamp with time zone not null,
        constraint pk_pool_coolings primary key (tenant_id, lead_id, user_id)
    )""",
    """create table pool_entries (
        tenant_id uuid not null,
        id uuid not null,
        pool_id uuid not null,
        lead_id uuid not null,
        at timestamp with time zone not null,
        why text not null,
        previous_owner_id uuid,
        by_id uuid,
        reason text,
        constraint pk_pool_entries primary key (tenant_id, id)
    )""",
    "create index ix_pool_entries_tenant_id_lead_id_at on pool_entries (tenant_id, lead_id, at)",
    """create table warnings_given (
        tenant_id uuid not null,
        lead_id uuid not null,
        warned_of timestamp with time zone not null,
        constraint pk_warnings_given primary key (tenant_id, lead_id)
    )""",
    """create table extensions (
        tenant_id uuid not null,
        lead_id uuid not null,
        owner_id uuid not null,
        since timestamp with time zone not null,
        at timestamp with time zone not null,
        by_id uuid,
        reason text,
        constraint pk_extensions primary key (tenant_id, lead_id, owner_id, since)
    )""",
)


def upgrade() -> None:
    run(op.execute, _LEADS, _TABLES)
    for table in ("pools", "pool_claims", "pool_coolings", "pool_entries", "extensions", "warnings_given"):
        run(op.execute, tenant_policy(table))
    run(op.execute, search.V2)
