"""Automation: rules, and every run of them.

Revision ID: 0007
"""

from __future__ import annotations

from alembic import op

from shared.database.rls import run

revision = "0007"
down_revision = "0006"

_CHANGES: tuple[str, ...] = ()


def upgrade() -> None:
    run(op.execute, _CHANGES)
