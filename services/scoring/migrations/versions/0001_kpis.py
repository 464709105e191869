"""The KPI engine's tables, and who may see which numbers."""

from alembic import op

from shared.access import migrations as access
from shared.database.rls import run, tenant_policy
from shared.events import migrations as events
from shared.web import migrations as web

revision = "0001"
down_revision = None

SLOTS = ",\n      ".join(f"s{index} bigint default 0 not null" for index in range(16))

TABLES = (
    """create table dimensions (
      tenant_id uuid not null,
      id integer generated always as identity,
      kind smallint not null,
      key text not null,
      constraint pk_dimensions primary key (tenant_id, id),
      constraint uq_dimensions_tenant_id_kind_key unique (tenant_id, kind, key)
    )""",
    """create table states (
      tenant_id uuid not null,
      generation integer not null,
      entity uuid not null,
      state jsonb,
      constraint pk_states primary key (tenant_id, generation, entity)
    )
     with (fillfactor = 80)""",
    """create table facts (
      tenant_id uuid not null,
      generation integer not null,
      measure smallint not null,
      team integer not null,
      day date not null,
      id bigint generated always as identity,
      rep integer not null,
      region integer not null,
      product integer not null,
      channel integer not null,
      n smallint not null,
      v bigint not null,
      aggregate_id uuid not null,
      seq bigint not null,
      event_id uuid not null,
      at_us bigint not null,
      constraint pk_facts primary key (tenant_id, generation, measure, team, day, id)
        include (rep, region, product, channel, n, v),
      constraint ck_facts_sign check (n in (-1, 1))
    )
     with (autovacuum_vacuum_insert_scale_factor = 0.02)""",
    f"""create table cells (
      tenant_id uuid not null,
      generation integer not null,
      view smallint not null,
      grain smallint not null,
      period date not null,
      key integer not null,
      team integer not null,
      family smallint not null,
      {SLOTS},
      constraint pk_cells primary key (tenant_id, generation, view, grain, period, key, team, family)
    )
     with (fillfactor = 75, autovacuum_vacuum_scale_factor = 0.02)""",
    """create table kpi_notices (
      tenant_id uuid not null,
      rep integer not null,
      measures bigint not null,
      days date[] not null,
      due boolean not null,
      sent_at timestamp with time zone not null,
      constraint pk_kpi_notices primary key (tenant_id, rep)
    )""",
    "create index ix_kpi_notices_due on kpi_notices (sent_at) where due",
)

# The visibility predicate over surrogates: own is part of every other; computed once per statement.
ME = "(select d.id from dimensions d where d.tenant_id = cox_tenant() and d.kind = 1 and d.key = cox_user()::text)"
TEAMS = """(select d.id from dimensions d where d.tenant_id = cox_tenant() and d.kind = 2 and (
      (cox_visibility() = 'team' and d.key = cox_unit()::text)
      or (cox_visibility() = 'subtree' and d.key in (select c.descendant_id::text from org_closure c
        where c.tenant_id = cox_tenant() and c.ancestor_id = cox_unit()))))"""
ALL = "(select cox_visibility()) = 'tenant'"
SEEN = {
    "facts": f"({ALL} or rep = {ME} or team in {TEAMS})",
    "cells": f"({ALL} or (view = 1 and (key = {ME} or team in {TEAMS})) or (view = 2 and key in {TEAMS}))",
}


def narrowed(table: str, seen: str) -> list[str]:
    """Within its tenant the app reads what the caller may see."""
    return [f"create policy app_visible on {table} as restrictive for select to cox_app using ({seen})"]


def upgrade() -> None:
    run(op.execute, access.V1, events.V1, web.V1, TABLES)
    for table in ("dimensions", "states", "facts", "cells", "kpi_notices"):
        run(op.execute, tenant_policy(table))
    for table, seen in SEEN.items():
        run(op.execute, narrowed(table, seen))
    for table in ("dimensions", "states", "facts", "cells", "kpi_notices"):
        op.execute(f"revoke insert, update, delete on {table} from cox_app")
