"""Leads have a campaign.

Revision ID: 0025
"""

from __future__ import annotations

from alembic import op

from services.leads.search import function as search
from shared.database.rls import run

revision = "0025"
down_revision = "0024"

_CHANGES = (
    "alter table leads add column campaign text",
    """create index ix_leads_tenant_id_campaign_id on leads (tenant_id, campaign, id)
        where campaign is not null""",
)


def upgrade() -> None:
    run(op.execute, _CHANGES, search.AGAIN)
