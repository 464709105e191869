"""Leads that are found to be one.

Revision ID: 0015
"""

from __future__ import annotations

from alembic import op

from shared.database.rls import run

revision = "0015"
down_revision = "0014"

_CHANGES: tuple[str, ...] = ("alter table leads add column merged_into uuid",)


def upgrade() -> None:
    run(op.execute, _CHANGES)
