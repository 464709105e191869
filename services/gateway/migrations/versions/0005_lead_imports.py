"""Imports of leads: rows as they are in the file, rows to correct, saved mappings.

Revision ID: 0005
"""

from __future__ import annotations

from alembic import op

from shared.database.rls import run, tenant_policy

revision = "0005"
down_revision = "0004"

_CHANGES: tuple[str, ...] = (
    "alter table imports add column options jsonb not null default '{}'",
    "alter table imports add column header text[]",
    "alter table imports add column kept_until timestamp with time zone",
    # Rows were kept as fields; those of imports under way are read from their files again.
    "delete from import_rows",
    "alter table import_rows rename column fields to cells",
    """update imports set state = 'waiting', units_done = 0, rows_done = 0, rows_failed = 0
       where state in ('reading', 'running')""",
    """create table import_chunks (
      tenant_id uuid not null,
      import_id uuid not null,
      first integer not null,
      content bytea not null,
      constraint pk_import_chunks primary key (tenant_id, import_id, first)
    )""",
    """create table import_marks (
      tenant_id uuid not null,
      import_id uuid not null,
      mark text not null,
      line integer not null,
      constraint pk_import_marks primary key (tenant_id, import_id, mark)
    )""",
    """create table import_bad_rows (
      tenant_id uuid not null,
      import_id uuid not null,
      line integer not null,
      cells text not null,
      constraint pk_import_bad_rows primary key (tenant_id, import_id, line)
    )""",
    """create table import_mappings (
      tenant_id uuid not null,
      id uuid not null,
      version integer not null,
      name text not null,
      kind text not null,
      content text not null,
      changed_by uuid,
      created_at timestamp with time zone not null,
      updated_at timestamp with time zone not null,
      constraint pk_import_mappings primary key (tenant_id, id),
      constraint uq_import_mappings_tenant_id_name unique (tenant_id, name),
      constraint ck_import_mappings_known_kind check (kind in ('leads', 'org', 'history'))
    )""",
    """create table import_headers (
      tenant_id uuid not null,
      kind text not null,
      fingerprint text not null,
      mapping_id uuid not null,
      constraint pk_import_headers primary key (tenant_id, kind, fingerprint)
    )""",
)


def upgrade() -> None:
    run(op.execute, _CHANGES)
    for table in (
        "import_chunks", "import_marks", "import_bad_rows", "import_mappings", "import_headers",
    ):  # fmt: skip
        run(op.execute, tenant_policy(table))
