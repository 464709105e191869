"""Further numbers, credit codes and WeCom ids of leads.

Revision ID: 0014
"""

from __future__ import annotations

from alembic import op

from shared.database.rls import run

revision = "0014"
down_revision = "0013"

_CHANGES: tuple[str, ...] = ()


def upgrade() -> None:
    run(op.execute, _CHANGES)
