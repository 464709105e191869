"""Public forms, and codes to scan.

Revision ID: 0008
"""

from __future__ import annotations

from alembic import op

from shared.database.rls import run, tenant_policy

revision = "0008"
down_revision = "0007"

_TABLES: tuple[str, ...] = (
    """create table forms (
      tenant_id uuid not null,
      id uuid not null,
      seq bigint not null,
      key text not null,
      name text not null,
      enabled boolean not null,
      content jsonb not null,
      changed_by uuid,
      created_at timestamp with time zone not null,
      updated_at timestamp with time zone not null,
      constraint pk_forms primary key (tenant_id, id),
      constraint uq_forms_key unique (key),
      constraint uq_forms_tenant_id_name unique (tenant_id, name)
    )""",
    """create table codes (
      tenant_id uuid not null,
      id uuid not null,
      seq bigint not null,
      key text not null,
      name text not null,
      enabled boolean not null,
      form_id uuid,
      url text,
      fixed jsonb not null,
      changed_by uuid,
      created_at timestamp with time zone not null,
      updated_at timestamp with time zone not null,
      constraint pk_codes primary key (tenant_id, id),
      constraint fk_codes_tenant_id_form_id_forms foreign key(tenant_id, form_id)
        references forms (tenant_id, id),
      constraint uq_codes_key unique (key),
      constraint uq_codes_tenant_id_name unique (tenant_id, name),
      constraint ck_codes_one_target check ((form_id is null) <> (url is null))
    )""",
    """create table code_scans (
      tenant_id uuid not null,
      code_id uuid not null,
      day date not null,
      part smallint not null,
      scans bigint not null,
      constraint pk_code_scans primary key (tenant_id, code_id, day, part)
    )""",
    """create table code_leads (
      tenant_id uuid not null,
      lead_id uuid not null,
      code_id uuid not null,
      day date not null,
      constraint pk_code_leads primary key (tenant_id, lead_id)
    )""",
    "create index ix_code_leads_code on code_leads (tenant_id, code_id, day)",
)

# Who opens a form or scans a code comes with its key alone: the row of that key may be read, no other.
_BY_KEY = tuple(
    f"create policy by_key on {table} for select to cox_app"
    " using (key = nullif(current_setting('cox.public_key', true), ''))"
    for table in ("forms", "codes")
)


def upgrade() -> None:
    run(op.execute, _TABLES, _BY_KEY)
    for table in ("forms", "codes", "code_scans", "code_leads"):
        run(op.execute, tenant_policy(table))
