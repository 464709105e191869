"""Invalid leads are returned, and turns come back.

Revision ID: 0006
"""

from __future__ import annotations

from alembic import op

from shared.database.rls import run, tenant_policy

revision = "0006"
down_revision = "0005"

_CHANGES = (
    "alter table turns add column owed_turns bigint not null default 0",
    """create table lead_returns (
        tenant_id uuid not null,
        lead_id uuid not null,
        owner_id uuid not null,
        assigned_at timestamp with time zone not null,
        filed_at timestamp with time zone not null,
        reason text not null,
        note text,
        state text not null,
        decided_at timestamp with time zone,
        decided_by uuid,
        decision_note text,
        turn_returned boolean not null,
        constraint pk_lead_returns primary key (tenant_id, lead_id, owner_id, assigned_at)
    )""",
    """create index ix_lead_returns_tenant_id_filed_at_filed on lead_returns (tenant_id, filed_at)
        where state = 'filed'""",
)


def upgrade() -> None:
    run(op.execute, _CHANGES)
    run(op.execute, tenant_policy("lead_returns"))
