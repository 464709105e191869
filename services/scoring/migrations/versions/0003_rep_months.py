"""Which months of which reps are to be told to other services.

Revision ID: 0003
"""

from __future__ import annotations

from alembic import op

from shared.database.rls import run, tenant_policy

revision = "0003"
down_revision = "0002"

_CHANGES = (
    """create table rep_months (
        tenant_id uuid not null,
        rep integer not null,
        month date not null,
        due boolean not null,
        sent_at timestamp with time zone not null,
        constraint pk_rep_months primary key (tenant_id, rep, month)
    )""",
    "create index ix_rep_months_due on rep_months (sent_at) where due",
)


def upgrade() -> None:
    run(op.execute, _CHANGES)
    run(op.execute, tenant_policy("rep_months"))
    op.execute("revoke insert, update, delete on rep_months from cox_app")
