"""What reps reach now, for weights by it.

Revision ID: 0009
"""

from __future__ import annotations

from alembic import op

from shared.database.rls import run, tenant_policy

revision = "0009"
down_revision = "0008"

_CHANGES = (
    """create table rep_reaches (
        tenant_id uuid not null,
        rep_id uuid not null,
        month date not null,
        reaches jsonb not null,
        constraint pk_rep_reaches primary key (tenant_id, rep_id, month)
    )""",
)


def upgrade() -> None:
    run(op.execute, _CHANGES)
    run(op.execute, tenant_policy("rep_reaches"))
