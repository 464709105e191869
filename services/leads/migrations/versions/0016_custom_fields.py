"""Which custom fields a tenant's leads have.

Revision ID: 0016
"""

from __future__ import annotations

from alembic import op

from shared.database.rls import run

revision = "0016"
down_revision = "0015"

_CHANGES: tuple[str, ...] = ()


def upgrade() -> None:
    run(op.execute, _CHANGES)
