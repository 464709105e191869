"""What reps reach now, for weights by it.

Revision ID: 0009
"""

from __future__ import annotations

from alembic import op

from shared.database.rls import run

revision = "0009"
down_revision = "0008"

_CHANGES: tuple[str, ...] = ()


def upgrade() -> None:
    run(op.execute, _CHANGES)
