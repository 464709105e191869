"""The schema of `tables`: `run(op.execute, migrations.V1)` in the first migration of its services.

A released version never changes; what comes later is a new list here and a new migration in each of them.
Run V1 before the service's own tables: their visibility policies read `org_closure`.
"""

from __future__ import annotations

from shared.database.rls import search_policy, tenant_policy

_TABLES = (
    """create table org_tenants (
      tenant_id uuid not null,
      name text not null,
      timezone text not null,
      currency text not null,
      constraint pk_org_tenants primary key (tenant_id)
    )""",
    """create table org_versions (
      tenant_id uuid not null,
      seq bigint not null,
      constraint pk_org_versions primary key (tenant_id)
    )""",
    """create table org_units (
      tenant_id uuid not null,
      id uuid not null,
      parent_id uuid,
      kind text not null,
      code text not null,
      name text not null,
      active boolean not null,
      path uuid[] not null,
      region text,
      constraint pk_org_units primary key (tenant_id, id)
    )""",
    """create table org_closure (
      tenant_id uuid not null,
      ancestor_id uuid not null,
      descendant_id uuid not null,
      depth integer not null,
      constraint pk_org_closure primary key (tenant_id, ancestor_id, descendant_id)
    )""",
    "create index ix_org_closure_tenant_id_descendant_id on org_closure (tenant_id, descendant_id)",
    """create table org_users (
      tenant_id uuid not null,
      id uuid not null,
      display_name text not null,
      code text not null,
      unit_id uuid not null,
      roles text[] not null,
      visibility text not null,
      is_rep boolean not null,
      active boolean not null,
      constraint pk_org_users primary key (tenant_id, id)
    )""",
    "create index ix_org_users_tenant_id_code on org_users (tenant_id, code)",
    "create index ix_org_users_tenant_id_display_name on org_users (tenant_id, display_name)",
    "create index ix_org_users_tenant_id_unit_id on org_users (tenant_id, unit_id)",
    """create table org_memberships (
      tenant_id uuid not null,
      user_id uuid not null,
      from_at timestamp with time zone not null,
      unit_id uuid not null,
      constraint pk_org_memberships primary key (tenant_id, user_id, from_at)
    )""",
    """create table org_principals (
      tenant_id uuid not null,
      id uuid not null,
      changed_seq bigint not null,
      revoked boolean not null,
      constraint pk_org_principals primary key (tenant_id, id)
    )""",
    """create table org_rates (
      tenant_id uuid not null,
      currency text not null,
      valid_on date not null,
      rate numeric not null,
      constraint pk_org_rates primary key (tenant_id, currency, valid_on)
    )""",
)

TABLES = (
    "org_tenants",
    "org_versions",
    "org_units",
    "org_closure",
    "org_users",
    "org_memberships",
    "org_principals",
    "org_rates",
)

V1: tuple[str, ...] = (
    *_TABLES,
    *(statement for table in TABLES for statement in tenant_policy(table)),
    # Search functions hold the visibility predicate, which reads the closure.
    *search_policy("org_closure"),
)

V2: tuple[str, ...] = (
    "alter table org_units add column calendar_id uuid",
    """create table org_calendars (
      tenant_id uuid not null,
      id uuid not null,
      name text not null,
      timezone text not null,
      week jsonb not null,
      days_off date[] not null,
      worked_days jsonb not null,
      active boolean not null,
      constraint pk_org_calendars primary key (tenant_id, id)
    )""",
    """create table org_profiles (
      tenant_id uuid not null,
      user_id uuid not null,
      level text,
      capacity integer,
      skills text[] not null,
      languages text[] not null,
      territories text[] not null,
      timezone text,
      calendar_id uuid,
      constraint pk_org_profiles primary key (tenant_id, user_id)
    )""",
    """create table org_absences (
      tenant_id uuid not null,
      id uuid not null,
      user_id uuid not null,
      from_at timestamp with time zone not null,
      to_at timestamp with time zone not null,
      constraint pk_org_absences primary key (tenant_id, id)
    )""",
    "create index ix_org_absences_tenant_id_user_id_to_at on org_absences (tenant_id, user_id, to_at)",
    *(
        statement
        for table in ("org_calendars", "org_profiles", "org_absences")
        for statement in tenant_policy(table)
    ),
)
