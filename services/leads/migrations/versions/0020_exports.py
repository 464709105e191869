"""Leads that leave in files.

Revision ID: 0020
"""

from __future__ import annotations

from alembic import op

from shared.database.rls import run, tenant_policy

revision = "0020"
down_revision = "0019"

_EXPORTS = (
    """create table exports (
        tenant_id uuid not null,
        id uuid not null,
        seq bigint not null,
        user_id uuid not null,
        principal_id uuid not null,
        at timestamp with time zone not null,
        filters jsonb not null,
        view_id uuid,
        view_filters jsonb,
        columns text[] not null,
        format text not null,
        reason text not null,
        contacts boolean not null,
        rows integer,
        counted boolean not null,
        allowed integer,
        state text not null,
        warn_at timestamp with time zone,
        expires_at timestamp with time zone not null,
        decided_at timestamp with time zone,
        decided_by uuid,
        decision_note text,
        constraint pk_exports primary key (tenant_id, id)
    )""",
    "create index ix_exports_tenant_id_user_id_id on exports (tenant_id, user_id, id)",
)
_DOWNLOADS = (
    """create table export_downloads (
        tenant_id uuid not null,
        id uuid not null,
        export_id uuid not null,
        user_id uuid not null,
        principal_id uuid not null,
        began_at timestamp with time zone not null,
        address text,
        trace_id text,
        rows integer not null,
        bytes bigint not null,
        sha256 bytea,
        ended_at timestamp with time zone,
        ended text,
        constraint pk_export_downloads primary key (tenant_id, id)
    )""",
    """create index ix_export_downloads_tenant_id_export_id_id
        on export_downloads (tenant_id, export_id, id)""",
    "create index ix_export_downloads_tenant_id_user_id_id on export_downloads (tenant_id, user_id, id)",
    """create table exporters (
        tenant_id uuid not null,
        user_id uuid not null,
        day date,
        taken bigint not null,
        download_id uuid,
        alive_until timestamp with time zone,
        constraint pk_exporters primary key (tenant_id, user_id)
    )""",
)
_TERMS = (
    """create table export_terms (
        tenant_id uuid not null,
        id uuid not null,
        seq bigint not null,
        free_rows integer,
        daily_rows integer,
        warn_hours integer not null,
        wait_hours integer not null,
        ready_hours integer not null,
        constraint pk_export_terms primary key (tenant_id, id)
    )""",
    "create unique index uq_export_terms_tenant_id on export_terms (tenant_id)",
)


def upgrade() -> None:
    run(op.execute, _EXPORTS, _DOWNLOADS, _TERMS)
    run(op.execute, *map(tenant_policy, ("exports", "export_downloads", "exporters", "export_terms")))
