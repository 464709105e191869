"""Who read whose contact data, and when.

Revision ID: 0010
"""

from __future__ import annotations

from alembic import op

from shared.database.rls import run

revision = "0010"
down_revision = "0009"

_CHANGES: tuple[str, ...] = ()


def upgrade() -> None:
    run(op.execute, _CHANGES)
