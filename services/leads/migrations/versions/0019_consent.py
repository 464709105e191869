"""What people agreed to, and for how long their data is kept.

Revision ID: 0019
"""

from __future__ import annotations

from alembic import op

from shared.database.rls import run, tenant_policy

revision = "0019"
down_revision = "0018"

_NOTICES = (
    """create table notices (
        tenant_id uuid not null,
        id uuid not null,
        seq bigint not null,
        source text,
        constraint pk_notices primary key (tenant_id, id)
    )""",
    "create unique index uq_notices_tenant_id_source on notices (tenant_id, coalesce(source, ''))",
    """create table notice_versions (
        tenant_id uuid not null,
        notice_id uuid not null,
        version bigint not null,
        basis text not null,
        wording text not null,
        at timestamp with time zone not null,
        by_id uuid,
        constraint pk_notice_versions primary key (tenant_id, notice_id, version)
    )""",
)
_CONSENTS = (
    """create table consents (
        tenant_id uuid not null,
        lead_id uuid not null,
        id uuid not null,
        purpose text not null,
        granted boolean not null,
        how text not null,
        at timestamp with time zone not null,
        recorded_at timestamp with time zone not null,
        by_id uuid,
        notice_id uuid,
        notice_version integer,
        evidence text,
        constraint pk_consents primary key (tenant_id, lead_id, id)
    )""",
)
_RETENTION = (
    """create table retention_policies (
        tenant_id uuid not null,
        id uuid not null,
        seq bigint not null,
        unanswered_months integer,
        warn_days integer not null,
        constraint pk_retention_policies primary key (tenant_id, id)
    )""",
    "create unique index uq_retention_policies_tenant_id on retention_policies (tenant_id)",
    """create table retention_warnings (
        tenant_id uuid not null,
        lead_id uuid not null,
        since timestamp with time zone not null,
        warned_at timestamp with time zone not null,
        ends_at timestamp with time zone not null,
        constraint pk_retention_warnings primary key (tenant_id, lead_id)
    )""",
    """create index ix_retention_warnings_tenant_id_ends_at_lead_id
        on retention_warnings (tenant_id, ends_at, lead_id)""",
)
_LIST = (
    """create table do_not_contact_list (
        tenant_id uuid not null,
        id uuid not null,
        kind text not null,
        digest bytea not null,
        term bigint not null,
        shown text,
        reason text not null,
        lead_id uuid,
        at timestamp with time zone not null,
        by_id uuid,
        constraint pk_do_not_contact_list primary key (tenant_id, id)
    )""",
    "create unique index uq_do_not_contact_list_tenant_id_digest on do_not_contact_list (tenant_id, digest)",
    "create index ix_do_not_contact_list_tenant_id_lead_id on do_not_contact_list (tenant_id, lead_id)",
)


def upgrade() -> None:
    run(op.execute, _NOTICES, _CONSENTS, _LIST, _RETENTION)
    run(op.execute, *map(tenant_policy, ("notices", "notice_versions", "consents", "do_not_contact_list")))
    run(op.execute, *map(tenant_policy, ("retention_policies", "retention_warnings")))
