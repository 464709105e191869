"""Calendars, and what people's work depends on: profiles and absences."""

from __future__ import annotations

from alembic import op

from shared.database.rls import run, tenant_policy

revision = "0003"
down_revision = "0002"

_TABLES = (
    """create table calendars (
      tenant_id uuid not null,
      id uuid not null,
      name text not null,
      timezone text not null,
      week jsonb not null,
      days_off date[] not null,
      worked_days jsonb not null,
      active boolean not null,
      version bigint not null,
      constraint pk_calendars primary key (tenant_id, id)
    )""",
    "create unique index uq_calendars_name on calendars (tenant_id, name)",
    "alter table units add column calendar_id uuid",
    """alter table units add constraint fk_units_tenant_id_calendar_id_calendars
       foreign key (tenant_id, calendar_id) references calendars (tenant_id, id)""",
    """create table profiles (
      tenant_id uuid not null,
      user_id uuid not null,
      level text,
      capacity integer,
      skills text[] not null,
      languages text[] not null,
      territories text[] not null,
      timezone text,
      calendar_id uuid,
      version bigint not null,
      constraint pk_profiles primary key (tenant_id, user_id),
      constraint fk_profiles_tenant_id_user_id_users foreign key (tenant_id, user_id)
        references users (tenant_id, id),
      constraint fk_profiles_tenant_id_calendar_id_calendars foreign key (tenant_id, calendar_id)
        references calendars (tenant_id, id)
    )""",
    """create table absences (
      tenant_id uuid not null,
      id uuid not null,
      user_id uuid not null,
      kind text not null,
      from_at timestamp with time zone not null,
      to_at timestamp with time zone not null,
      recorded_by uuid,
      recorded_at timestamp with time zone not null,
      constraint pk_absences primary key (tenant_id, id),
      constraint fk_absences_tenant_id_user_id_users foreign key (tenant_id, user_id)
        references users (tenant_id, id),
      constraint ck_absences_known_kind check (kind in ('leave', 'rest', 'training', 'other')),
      constraint ck_absences_some_time check (from_at < to_at)
    )""",
    "create unique index uq_absences_interval on absences (tenant_id, user_id, from_at, to_at)",
)
# Whose they are decides: the policy of users applies within.
_OF_VISIBLE_USERS = "user_id in (select u.id from users u where u.tenant_id = cox_tenant())"


def upgrade() -> None:
    run(op.execute, _TABLES)
    for table in ("calendars", "profiles", "absences"):
        run(op.execute, tenant_policy(table))
    for table in ("profiles", "absences"):
        op.execute(
            f"create policy app_visible on {table} as restrictive to cox_app"
            f" using ({_OF_VISIBLE_USERS}) with check (true)"
        )
