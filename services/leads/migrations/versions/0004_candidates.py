"""Assignment rules ask more of candidates, and owe them shares.

Revision ID: 0004
"""

from __future__ import annotations

from alembic import op

from shared.database.rls import run

revision = "0004"
down_revision = "0003"

_CHANGES = (
    """alter table assignment_rules
        add column working_hours_only boolean not null default false,
        add column skills text[] not null default '{}',
        add column languages text[] not null default '{}',
        add column weights jsonb not null default '{"default": 1, "by_level": {}}'""",
    "alter table turns add column credit bigint not null default 0",
)


def upgrade() -> None:
    run(op.execute, _CHANGES)
