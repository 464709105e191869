"""Terms stand still while a superior has locked them.

Revision ID: 0012
"""

from __future__ import annotations

from alembic import op

from shared.database.rls import run, tenant_policy

revision = "0012"
down_revision = "0011"

_CHANGES = (
    """create table term_locks (
        tenant_id uuid not null,
        lead_id uuid not null,
        from_at timestamp with time zone not null,
        until_at timestamp with time zone not null,
        by_id uuid,
        reason text,
        constraint pk_term_locks primary key (tenant_id, lead_id, from_at)
    )""",
)


def upgrade() -> None:
    run(op.execute, _CHANGES)
    run(op.execute, tenant_policy("term_locks"))
