"""Pools have admins and a kind; customers lie in pools of their own.

Revision ID: 0008
"""

from __future__ import annotations

from alembic import op

from shared.database.rls import run

revision = "0008"
down_revision = "0007"

_CHANGES: tuple[str, ...] = ()


def upgrade() -> None:
    run(op.execute, _CHANGES)
