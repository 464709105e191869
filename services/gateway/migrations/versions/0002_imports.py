"""Imports, their files, their rows and what was wrong with rows."""

from __future__ import annotations

from alembic import op

from shared.database.rls import run, tenant_policy

revision = "0002"
down_revision = "0001"

_TABLES = (
    """create table imports (
      tenant_id uuid not null,
      id uuid not null,
      seq bigint not null,
      kind text not null,
      state text not null,
      dry_run boolean not null,
      principal_id uuid not null,
      user_id uuid,
      file_name text not null,
      mapping text,
      digest text not null,
      encoding text,
      rows_total integer,
      rows_done integer not null,
      rows_failed integer not null,
      units_total integer,
      units_done integer not null,
      report jsonb not null,
      positions text[] not null,
      failure_code text,
      failure_detail text,
      created_at timestamp with time zone not null,
      finished_at timestamp with time zone,
      constraint pk_imports primary key (tenant_id, id),
      constraint ck_imports_known_kind check (kind in ('leads', 'org', 'history')),
      constraint ck_imports_known_state check (state in ('waiting', 'reading', 'running', 'done', 'failed'))
    )""",
    """create index ix_imports_unfinished on imports (created_at)
       where state in ('waiting', 'reading', 'running')""",
    """create table import_files (
      tenant_id uuid not null,
      import_id uuid not null,
      part integer not null,
      content bytea not null,
      constraint pk_import_files primary key (tenant_id, import_id, part)
    )""",
    """create table import_rows (
      tenant_id uuid not null,
      import_id uuid not null,
      unit integer not null,
      line integer not null,
      fields text not null,
      constraint pk_import_rows primary key (tenant_id, import_id, unit, line)
    )""",
    """create table import_problems (
      tenant_id uuid not null,
      import_id uuid not null,
      line integer not null,
      code text not null,
      field text,
      detail text not null,
      constraint pk_import_problems primary key (tenant_id, import_id, line, code)
    )""",
)


def upgrade() -> None:
    run(op.execute, _TABLES)
    for table in ("imports", "import_files", "import_rows", "import_problems"):
        run(op.execute, tenant_policy(table))
