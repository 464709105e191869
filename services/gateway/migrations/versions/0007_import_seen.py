"""What rows of an import said first is kept by the part, not by the row.

Revision ID: 0007
"""

from __future__ import annotations

from alembic import op

from shared.database.rls import run, tenant_policy

revision = "0007"
down_revision = "0006"

_CHANGES: tuple[str, ...] = (
    """create table import_seen (
      tenant_id uuid not null,
      import_id uuid not null,
      last integer not null,
      content bytea not null,
      constraint pk_import_seen primary key (tenant_id, import_id, last)
    )""",
    # Imports under way go on: 16 bytes of the mark's digest, four of its line, as the part would be kept.
    """insert into import_seen (tenant_id, import_id, last, content)
       select tenant_id, import_id, 0,
         string_agg(substr(sha256(convert_to(mark, 'UTF8')), 1, 16) || int4send(line), ''::bytea order by line)
       from import_marks group by tenant_id, import_id""",
    "drop table import_marks",
)


def upgrade() -> None:
    run(op.execute, _CHANGES)
    run(op.execute, tenant_policy("import_seen"))
