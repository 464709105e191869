"""Forgetting people in files that were imported.

Revision ID: 0006
"""

from __future__ import annotations

from alembic import op

from shared.database.rls import run

revision = "0006"
down_revision = "0005"

_CHANGES: tuple[str, ...] = ()


def upgrade() -> None:
    run(op.execute, _CHANGES)
