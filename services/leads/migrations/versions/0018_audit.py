"""Who changed what, in a form that can be forgotten.

Revision ID: 0018
"""

from __future__ import annotations

from alembic import op

from shared.database.rls import append_only, run, tenant_policy

revision = "0018"
down_revision = "0017"

_CHANGES: tuple[str, ...] = (
    "alter table leads add column erased_at timestamp with time zone",
    "alter table lead_changes add column plain jsonb",
    "alter table lead_changes add column sealed bytea",
    """create table person_keys (
        tenant_id uuid not null,
        lead_id uuid not null,
        key bytea not null,
        constraint pk_person_keys primary key (tenant_id, lead_id)
    )""",
    *tenant_policy("person_keys"),
    """create table audit_entries (
        tenant_id uuid not null,
        lead_id uuid not null,
        seq bigint not null,
        id uuid not null,
        at timestamp with time zone not null,
        event text not null,
        facts jsonb not null,
        kind text not null,
        principal_id uuid,
        user_id uuid,
        route text,
        address text,
        trace_id text,
        cause_id uuid,
        constraint pk_audit_entries primary key (tenant_id, lead_id, seq)
    )""",
    "create index ix_audit_entries_tenant_id_at_id on audit_entries (tenant_id, at, id)",
    """create index ix_audit_entries_tenant_id_user_id_at_id on audit_entries (tenant_id, user_id, at, id)
        where user_id is not null""",
    *tenant_policy("audit_entries"),
    *append_only("audit_entries"),
    *append_only("lead_changes"),
    """create table erasures (
        tenant_id uuid not null,
        lead_id uuid not null,
        at timestamp with time zone not null,
        erased_by uuid,
        reason text not null,
        kept jsonb,
        kept_until date,
        constraint pk_erasures primary key (tenant_id, lead_id)
    )""",
    *tenant_policy("erasures"),
)


def upgrade() -> None:
    run(op.execute, _CHANGES)
