"""Who changed what, in a form that can be forgotten.

Revision ID: 0018
"""

from __future__ import annotations

from alembic import op

from shared.database.rls import run

revision = "0018"
down_revision = "0017"

_CHANGES: tuple[str, ...] = ("alter table leads add column erased_at timestamp with time zone",)


def upgrade() -> None:
    run(op.execute, _CHANGES)
