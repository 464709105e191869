"""Finding leads by every field, and views that are kept.

Revision ID: 0021
"""

from __future__ import annotations

from alembic import op

from services.leads.finding.search import function as search
from services.leads.finding.views import tables as views
from shared.database.rls import run, tenant_policy

revision = "0021"
down_revision = "0020"

_INDEXES = (
    """create index ix_leads_tenant_id_value_tenant_minor_id on leads (tenant_id, value_tenant_minor, id)
        where value_tenant_minor is not null""",
    "create index ix_leads_tenant_id_stage_entered_at_id on leads (tenant_id, stage_entered_at, id)",
    """create index ix_leads_tenant_id_score_id on leads (tenant_id, score, id)
        where score is not null""",
    """create index ix_leads_tenant_id_closed_at_id on leads (tenant_id, closed_at, id)
        where closed_at is not null""",
    """create index ix_leads_created_at_started_at on leads using brin (
        created_at timestamptz_minmax_multi_ops, started_at timestamptz_minmax_multi_ops)
        with (autosummarize = on)""",
)


def upgrade() -> None:
    run(op.execute, _INDEXES, search.V4, views.MADE, tenant_policy("views"))
