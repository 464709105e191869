"""Calendars, profiles and absences in the directory."""

from __future__ import annotations

from alembic import op

from shared.access import migrations as access
from shared.database.rls import run

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    run(op.execute, access.V2)
