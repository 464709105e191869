"""Further numbers, credit codes and WeCom ids of leads.

Revision ID: 0014
"""

from __future__ import annotations

from alembic import op

from services.leads.finding.search import tables as search
from shared.database.rls import run

revision = "0014"
down_revision = "0013"

_CHANGES = (
    """alter table leads
        add column other_phones text[] not null default '{}',
        add column credit_code text,
        add column credit_code_text text,
        add column wecom_id text""",
)


def upgrade() -> None:
    run(op.execute, _CHANGES, search.IDENTITIES)
