"""One function finds leads by whole values where there were three.

Revision ID: 0022
"""

from __future__ import annotations

from alembic import op

from services.leads.finding.search import tables as search
from shared.database.rls import run

revision = "0022"
down_revision = "0021"

# A database made since has none of them: the steps that made them no longer do.
_GONE = (
    "drop function if exists leads_sharing(bigint[], integer)",
    "drop function if exists leads_with_keys(bigint[], integer)",
    "drop function if exists leads_having_term(bigint, uuid, integer)",
)


def upgrade() -> None:
    run(op.execute, _GONE, search.EXACT)
