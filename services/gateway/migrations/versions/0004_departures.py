"""People leave and come back; days are closed."""

from __future__ import annotations

from alembic import op

from shared.database.rls import run, tenant_policy

revision = "0004"
down_revision = "0003"

_CHANGES = (
    "alter table tenants add column closed_through date",
    """create table departures (
      tenant_id uuid not null,
      id uuid not null,
      user_id uuid not null,
      effective_at timestamp with time zone not null,
      state text not null,
      reason text,
      handover jsonb,
      recorded_by uuid,
      recorded_at timestamp with time zone not null,
      returned_at timestamp with time zone,
      leads_return boolean,
      constraint pk_departures primary key (tenant_id, id),
      constraint fk_departures_tenant_id_user_id_users foreign key (tenant_id, user_id)
        references users (tenant_id, id),
      constraint ck_departures_known_state check (state in ('planned', 'done', 'void', 'cancelled'))
    )""",
    "create index ix_departures_user on departures (tenant_id, user_id, effective_at)",
    """create unique index uq_departures_planned on departures (tenant_id, user_id)
       where state = 'planned'""",
)
# Whose they are decides: the policy of users applies within.
_OF_VISIBLE_USERS = "user_id in (select u.id from users u where u.tenant_id = cox_tenant())"


def upgrade() -> None:
    run(op.execute, _CHANGES, tenant_policy("departures"))
    op.execute(
        "create policy app_visible on departures as restrictive to cox_app"
        f" using ({_OF_VISIBLE_USERS}) with check (true)"
    )
