"""Many leads given to others at once: what was asked for, how far it is, and what stayed.

Revision ID: 0025
"""

from __future__ import annotations

from alembic import op

from services.leads.assigning.reassignment.tables import MADE
from shared.database.rls import run, tenant_policy

revision = "0025"
down_revision = "0024"


def upgrade() -> None:
    run(op.execute, MADE)
    for table in ("reassignments", "kept_leads"):
        run(op.execute, tenant_policy(table))
