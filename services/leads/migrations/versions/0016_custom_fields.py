"""Which custom fields a tenant's leads have.

Revision ID: 0016
"""

from __future__ import annotations

from alembic import op

from services.leads.capture.custom_fields import tables as custom_fields
from services.leads.capture.refitting import tables as refitting
from shared.database.rls import run, tenant_policy

revision = "0016"
down_revision = "0015"


def upgrade() -> None:
    run(op.execute, custom_fields.MADE, refitting.MADE)
    for table in ("custom_schemas", "custom_fields", "custom_checks", "custom_misfits"):
        run(op.execute, tenant_policy(table))
