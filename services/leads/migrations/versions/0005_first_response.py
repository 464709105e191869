"""Response rules, and the clocks that they start.

Revision ID: 0005
"""

from __future__ import annotations

from alembic import op

from shared.database.rls import run, tenant_policy

revision = "0005"
down_revision = "0004"

_TABLES = (
    """create table response_rules (
        tenant_id uuid not null,
        id uuid not null,
        seq bigint not null,
        name text not null,
        position integer not null,
        conditions jsonb not null,
        terms jsonb not null,
        active boolean not null,
        created_at timestamp with time zone not null,
        updated_at timestamp with time zone not null,
        constraint pk_response_rules primary key (tenant_id, id)
    )""",
    """create table response_clocks (
        tenant_id uuid not null,
        lead_id uuid not null,
        started_at timestamp with time zone not null,
        owner_id uuid not null,
        rule_id uuid not null,
        rule_version bigint not null,
        terms jsonb not null,
        waiting_since timestamp with time zone not null,
        happened jsonb not null,
        handled_at timestamp with time zone,
        how text,
        business_s bigint,
        constraint pk_response_clocks primary key (tenant_id, lead_id, started_at)
    )""",
    """create index ix_response_clocks_tenant_id_lead_id_unhandled on response_clocks (tenant_id, lead_id)
        where handled_at is null""",
)


def upgrade() -> None:
    run(op.execute, _TABLES)
    for table in ("response_rules", "response_clocks"):
        run(op.execute, tenant_policy(table))
