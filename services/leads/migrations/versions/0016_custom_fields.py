"""Which custom fields a tenant's leads have.

Revision ID: 0016
"""

from __future__ import annotations

from alembic import op

from services.leads.custom_fields.tables import MADE
from shared.database.rls import run, tenant_policy

revision = "0016"
down_revision = "0015"


def upgrade() -> None:
    run(op.execute, MADE)
    for table in ("custom_schemas", "custom_fields"):
        run(op.execute, tenant_policy(table))
