"""Who changed what, in a form that can be forgotten.

Revision ID: 0018
"""

from __future__ import annotations

from alembic import op

from shared.database.rls import run, tenant_policy

revision = "0018"
down_revision = "0017"

_CHANGES: tuple[str, ...] = (
    "alter table leads add column erased_at timestamp with time zone",
    "alter table lead_changes add column plain jsonb",
    "alter table lead_changes add column sealed bytea",
    """create table person_keys (
        tenant_id uuid not null,
        lead_id uuid not null,
        key bytea not null,
        constraint pk_person_keys primary key (tenant_id, lead_id)
    )""",
    *tenant_policy("person_keys"),
)


def upgrade() -> None:
    run(op.execute, _CHANGES)
