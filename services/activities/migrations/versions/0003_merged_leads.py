"""Leads that are parts of others.

Revision ID: 0003
"""

from __future__ import annotations

from alembic import op

from services.activities.leads_known import tables as leads_known
from shared.database.rls import run

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    run(op.execute, leads_known.V3)
