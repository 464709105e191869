"""How long a decision about an invalid lead may take, and who is told when it takes longer.

Revision ID: 0013
"""

from __future__ import annotations

from alembic import op

from shared.database.rls import run, tenant_policy

revision = "0013"
down_revision = "0012"

_CHANGES = (
    """create table return_terms (
        tenant_id uuid not null,
        id uuid not null,
        seq bigint not null,
        warn_minutes integer,
        due_minutes integer,
        escalate_to text,
        updated_at timestamp with time zone not null,
        constraint pk_return_terms primary key (tenant_id, id)
    )""",
    "create unique index uq_return_terms_tenant_id on return_terms (tenant_id)",
    """alter table lead_returns
        add column warn_at timestamp with time zone,
        add column due_at timestamp with time zone,
        add column escalate_to text""",
)


def upgrade() -> None:
    run(op.execute, _CHANGES)
    run(op.execute, tenant_policy("return_terms"))
