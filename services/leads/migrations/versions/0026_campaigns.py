"""Campaigns: leads have one, and it has costs.

Revision ID: 0026
"""

from __future__ import annotations

from alembic import op

from services.leads.capture.campaigns import tables as campaigns
from services.leads.finding.search import function as search
from shared.database.rls import run, tenant_policy

revision = "0026"
down_revision = "0025"

_CHANGES = (
    "alter table leads add column campaign text",
    """create index ix_leads_tenant_id_campaign_id on leads (tenant_id, campaign, id)
        where campaign is not null""",
)


def upgrade() -> None:
    run(op.execute, _CHANGES, campaigns.MADE, search.AGAIN)
    run(op.execute, *map(tenant_policy, ("campaigns", "campaign_costs")))
