"""Known leads and activities, beside the tables that every service has."""

from __future__ import annotations

from alembic import op

from shared.access import migrations as access
from shared.database.rls import run, tenant_policy, visibility_policy
from shared.events import migrations as events
from shared.web import migrations as web

revision = "0001"
down_revision = None

_TABLES = (
    """create table known_leads (
      tenant_id uuid not null,
      lead_id uuid not null,
      owner_id uuid,
      team_id uuid,
      created_by uuid,
      region text,
      product text,
      channel text,
      constraint pk_known_leads primary key (tenant_id, lead_id)
    )""",
    """create table activities (
      tenant_id uuid not null,
      id uuid not null,
      seq bigint not null,
      kind text not null,
      lead_id uuid,
      rep_id uuid,
      team_id uuid,
      owner_id uuid,
      recorded_by uuid,
      started_at timestamp with time zone not null,
      duration_s integer,
      outcome text,
      effective boolean not null,
      note text,
      region text,
      product text,
      channel text,
      historic boolean not null,
      recorded_at timestamp with time zone not null,
      constraint pk_activities primary key (tenant_id, id),
      constraint ck_activities_known_kind check
        (kind in ('call', 'visit', 'email', 'meeting', 'demo', 'message', 'task'))
    )""",
    "create index ix_activities_newest on activities (tenant_id, started_at, id)",
    "create index ix_activities_of_lead on activities (tenant_id, lead_id, started_at, id)",
    "create index ix_activities_of_rep on activities (tenant_id, rep_id, started_at, id)",
    """create table activity_keys (
      tenant_id uuid not null,
      scope text not null,
      key text not null,
      activity_id uuid not null,
      digest text not null,
      constraint pk_activity_keys primary key (tenant_id, scope, key)
    )""",
)


def upgrade() -> None:
    run(op.execute, events.V1, web.V1, access.V1, _TABLES)
    run(
        op.execute,
        visibility_policy("known_leads"),
        visibility_policy("activities", owner="rep_id", creator="recorded_by"),
        tenant_policy("activity_keys"),
    )
