"""Labels, classes, qualification and score of leads.

Revision ID: 0017
"""

from __future__ import annotations

from alembic import op

from shared.database.rls import run

revision = "0017"
down_revision = "0016"

_CHANGES: tuple[str, ...] = ()


def upgrade() -> None:
    run(op.execute, _CHANGES)
