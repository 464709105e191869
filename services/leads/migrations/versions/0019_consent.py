"""What people agreed to, and for how long their data is kept.

Revision ID: 0019
"""

from __future__ import annotations

from alembic import op

from shared.database.rls import run

revision = "0019"
down_revision = "0018"

_CHANGES: tuple[str, ...] = ()


def upgrade() -> None:
    run(op.execute, _CHANGES)
