"""Finding leads learns how far to look before it asks an index.

Revision ID: 0024
"""

from __future__ import annotations

from alembic import op

from services.leads.finding.search import function as search
from shared.database.rls import run

revision = "0024"
down_revision = "0022"


def upgrade() -> None:
    run(op.execute, search.AGAIN)
