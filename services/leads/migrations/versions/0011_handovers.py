"""What became of the leads of people who left.

Revision ID: 0011
"""

from __future__ import annotations

from alembic import op

from shared.database.rls import run, tenant_policy

revision = "0011"
down_revision = "0010"

_TABLES = (
    """create table handovers (
        tenant_id uuid not null,
        departure_id uuid not null,
        user_id uuid not null,
        left_at timestamp with time zone not null,
        rule jsonb,
        shares jsonb not null,
        given bigint not null,
        pooled bigint not null,
        stayed bigint not null,
        returned bigint not null,
        began_at timestamp with time zone not null,
        ended_at timestamp with time zone,
        returned_at timestamp with time zone,
        constraint pk_handovers primary key (tenant_id, departure_id)
    )""",
    "create index ix_handovers_tenant_id_user_id_left_at on handovers (tenant_id, user_id, left_at)",
    """create table handed_leads (
        tenant_id uuid not null,
        departure_id uuid not null,
        lead_id uuid not null,
        at timestamp with time zone not null,
        owner_id uuid,
        pool_id uuid,
        constraint pk_handed_leads primary key (tenant_id, departure_id, lead_id)
    )""",
)


def upgrade() -> None:
    run(op.execute, _TABLES)
    for table in ("handovers", "handed_leads"):
        run(op.execute, tenant_policy(table))
