"""Imports of leads: saved mappings, and rows to correct.

Revision ID: 0005
"""

from __future__ import annotations

from alembic import op

from shared.database.rls import run

revision = "0005"
down_revision = "0004"

_CHANGES: tuple[str, ...] = ()


def upgrade() -> None:
    run(op.execute, _CHANGES)
