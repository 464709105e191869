"""Automation: rules, and every run of them.

Revision ID: 0007
"""

from __future__ import annotations

from alembic import op

from shared.database.rls import run, tenant_policy

revision = "0007"
down_revision = "0006"

_CHANGES: tuple[str, ...] = (
    """create table automation_rules (
        tenant_id uuid not null,
        id uuid not null,
        seq bigint not null,
        name text not null,
        position integer not null,
        event text not null,
        terms jsonb not null,
        active boolean not null,
        created_at timestamp with time zone not null,
        updated_at timestamp with time zone not null,
        constraint pk_automation_rules primary key (tenant_id, id)
    )""",
    """create table automation_runs (
        tenant_id uuid not null,
        id uuid not null,
        lead_id uuid not null,
        event_id uuid not null,
        event text not null,
        rule_id uuid not null,
        rule_version bigint not null,
        at timestamp with time zone not null,
        chain_id uuid not null,
        depth integer not null,
        outcome text not null,
        steps jsonb not null,
        code text,
        detail text,
        constraint pk_automation_runs primary key (tenant_id, id)
    )""",
    """create unique index uq_automation_runs_tenant_id_lead_id_event_id_rule_id
        on automation_runs (tenant_id, lead_id, event_id, rule_id)""",
    "create index ix_automation_runs_tenant_id_rule_id_id on automation_runs (tenant_id, rule_id, id)",
    "create index ix_automation_runs_at on automation_runs (at)",
)


def upgrade() -> None:
    run(op.execute, _CHANGES)
    for table in ("automation_rules", "automation_runs"):
        run(op.execute, tenant_policy(table))
