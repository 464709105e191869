"""Pools have admins and a kind; customers lie in pools of their own.

Revision ID: 0008
"""

from __future__ import annotations

from alembic import op

from services.leads.finding.search import tables as search
from shared.database.rls import run

revision = "0008"
down_revision = "0007"

_CHANGES = (
    """alter table pools
        add column kind text not null default 'leads',
        add column admin_ids uuid[] not null default '{}',
        add column hidden_fields text[] not null default '{}'""",
    "drop index uq_pools_tenant_id_is_default",
    """create unique index uq_pools_tenant_id_kind_is_default on pools (tenant_id, kind)
        where is_default""",
    """create index ix_leads_tenant_id_id_customers on leads (tenant_id, id)
        where owner_id is not null and status = 'won'""",
    """create index ix_leads_tenant_id_owner_id_customers on leads (tenant_id, owner_id)
        where owner_id is not null and status = 'won'""",
)


def upgrade() -> None:
    run(op.execute, _CHANGES, search.V3)
