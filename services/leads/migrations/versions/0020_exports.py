"""Leads that leave in files.

Revision ID: 0020
"""

from __future__ import annotations

from alembic import op

from shared.database.rls import run

revision = "0020"
down_revision = "0019"

_CHANGES: tuple[str, ...] = ()


def upgrade() -> None:
    run(op.execute, _CHANGES)
