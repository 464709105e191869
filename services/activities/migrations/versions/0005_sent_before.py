"""What a restored database takes for unsent is known, and how far reactions were before.

Revision ID: 0005
"""

from __future__ import annotations

from alembic import op

from shared.database.rls import run
from shared.events import migrations as events

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    run(op.execute, events.SENT_BEFORE)
