"""Exports, what became of them, and how much each person took today."""

from __future__ import annotations

from sqlalchemy import (
    ARRAY,
    BigInteger,
    Boolean,
    Column,
    Date,
    DateTime,
    Index,
    Integer,
    LargeBinary,
    Table,
    Text,
    Uuid,
)
from sqlalchemy.dialects.postgresql import JSONB

from services.leads.metadata import metadata

exports = Table(
    "exports",
    metadata,
    Column("tenant_id", Uuid, primary_key=True),
    Column("id", Uuid, primary_key=True),
    Column("seq", BigInteger, nullable=False),
    # The person; the owner of an API key.
    Column("user_id", Uuid, nullable=False),
    Column("principal_id", Uuid, nullable=False),
    Column("at", DateTime(timezone=True), nullable=False),
    Column("filters", JSONB, nullable=False),
    # As they were when it was asked for, whatever becomes of the view.
    Column("view_id", Uuid),
    Column("view_filters", JSONB),
    Column("columns", ARRAY(Text), nullable=False),
    Column("format", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("contacts", Boolean, nullable=False),
    Column("rows", Integer),
    Column("counted", Boolean, nullable=False),
    Column("allowed", Integer),
    Column("state", Text, nullable=False),
    Column("warn_at", DateTime(timezone=True)),
    Column("expires_at", DateTime(timezone=True), nullable=False),
    Column("decided_at", DateTime(timezone=True)),
    Column("decided_by", Uuid),
    Column("decision_note", Text),
    Index("ix_exports_tenant_id_user_id_id", "tenant_id", "user_id", "id"),
)

export_downloads = Table(
    "export_downloads",
    metadata,
    Column("tenant_id", Uuid, primary_key=True),
    Column("id", Uuid, primary_key=True),
    Column("export_id", Uuid, nullable=False),
    Column("user_id", Uuid, nullable=False),
    Column("principal_id", Uuid, nullable=False),
    Column("began_at", DateTime(timezone=True), nullable=False),
    Column("address", Text),
    Column("trace_id", Text),
    Column("rows", Integer, nullable=False),
    Column("bytes", BigInteger, nullable=False),
    Column("sha256", LargeBinary),
    Column("ended_at", DateTime(timezone=True)),
    Column("ended", Text),
    Index("ix_export_downloads_tenant_id_export_id_id", "tenant_id", "export_id", "id"),
    Index("ix_export_downloads_tenant_id_user_id_id", "tenant_id", "user_id", "id"),
)

exporters = Table(
    "exporters",
    metadata,
    Column("tenant_id", Uuid, primary_key=True),
    Column("user_id", Uuid, primary_key=True),
    # Rows with contact data asked for on this day of the tenant's without approval.
    Column("day", Date),
    Column("taken", BigInteger, nullable=False),
    # The one download under way, as long as it says that it is.
    Column("download_id", Uuid),
    Column("alive_until", DateTime(timezone=True)),
)

export_terms = Table(
    "export_terms",
    metadata,
    Column("tenant_id", Uuid, primary_key=True),
    Column("id", Uuid, primary_key=True),
    Column("seq", BigInteger, nullable=False),
    Column("free_rows", Integer),
    Column("daily_rows", Integer),
    Column("warn_hours", Integer, nullable=False),
    Column("wait_hours", Integer, nullable=False),
    Column("ready_hours", Integer, nullable=False),
    Index("uq_export_terms_tenant_id", "tenant_id", unique=True),
)

_EXPORT = """id, seq as version, user_id, principal_id, at, filters, columns, format, reason, contacts, rows,
  counted, allowed, state, warn_at, expires_at, decided_at, decided_by, decision_note, view_id,
  view_filters"""
INSERT = """
insert into exports (tenant_id, id, seq, user_id, principal_id, at, filters, columns, format, reason,
                     contacts, rows, counted, allowed, state, warn_at, expires_at, view_id, view_filters)
values ($1, $2, 1, $3, $4, $5, $6::jsonb, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18::jsonb)
"""
SELECT = f"select {_EXPORT} from exports where tenant_id = $1 and id = $2"  # noqa: S608 - own names
LOCK = f"{SELECT} for update"
# Of one person, or of all.
PAGE = f"""
select {_EXPORT} from exports
where tenant_id = $1 and ($2::uuid is null or user_id = $2) and ($3::text is null or state = $3)
  and ($4::uuid is null or id < $4)
order by id desc limit $5
"""  # noqa: S608
DECIDE = """
update exports set state = $3, decided_at = $4, decided_by = $5, decision_note = $6, allowed = $7,
  warn_at = null, expires_at = $8
where tenant_id = $1 and id = $2
"""
WARNED = "update exports set warn_at = null where tenant_id = $1 and id = $2"
EXPIRE = "update exports set state = 'expired', warn_at = null where tenant_id = $1 and id = $2"
FILTERED_BY_WORDS = """
select id, filters, view_filters from exports
where tenant_id = $1 and (filters ?| array['q', 'custom'] or view_filters ?| array['q', 'custom']) for update
"""
CHANGE_FILTERS = """
update exports set filters = $3::jsonb, view_filters = $4::jsonb where tenant_id = $1 and id = $2
"""

TAKEN = """
insert into exporters as e (tenant_id, user_id, day, taken) values ($1, $2, $3, 0)
on conflict (tenant_id, user_id) do update
  set day = excluded.day, taken = case when e.day = excluded.day then e.taken else 0 end
returning taken
"""
TAKE = "update exporters set taken = taken + $3 where tenant_id = $1 and user_id = $2"
SEIZE = """
insert into exporters as e (tenant_id, user_id, taken, download_id, alive_until) values ($1, $2, 0, $3, $5)
on conflict (tenant_id, user_id) do update
  set download_id = excluded.download_id, alive_until = excluded.alive_until
  where e.download_id is null or e.alive_until <= $4
returning true
"""
KEEP = """
update exporters set alive_until = $4 where tenant_id = $1 and user_id = $2 and download_id = $3
returning true
"""
RELEASE = """
update exporters set download_id = null where tenant_id = $1 and user_id = $2 and download_id = $3
"""

_DOWNLOAD = """id, export_id, user_id, principal_id, began_at, address, trace_id, rows, bytes,
  encode(sha256, 'hex') as sha256, ended_at, ended"""
DOWNLOADS = f"""
select {_DOWNLOAD} from export_downloads where tenant_id = $1 and export_id = any($2::uuid[]) order by id
"""  # noqa: S608
BEGIN = """
insert into export_downloads (tenant_id, id, export_id, user_id, principal_id, began_at, address, trace_id,
                              rows, bytes)
values ($1, $2, $3, $4, $5, $6, $7, $8, 0, 0)
"""
# What a process that died has left.
LEFT_BEHIND = """
update export_downloads set ended = 'broken', ended_at = $3
where tenant_id = $1 and user_id = $2 and ended is null
"""
GO_ON = "update export_downloads set rows = $3, bytes = $4 where tenant_id = $1 and id = $2"
END = """
update export_downloads set rows = $3, bytes = $4, sha256 = $5, ended_at = $6, ended = $7
where tenant_id = $1 and id = $2 and ended is null
"""

_TERMS = "free_rows, daily_rows, warn_hours, wait_hours, ready_hours"
TERMS = f"select {_TERMS}, seq from export_terms where tenant_id = $1"  # noqa: S608
LOCK_TERMS = "select id from export_terms where tenant_id = $1 for update"
INSERT_TERMS = f"""
insert into export_terms (tenant_id, id, seq, {_TERMS}) values ($1, $2, 1, $3, $4, $5, $6, $7)
"""  # noqa: S608
UPDATE_TERMS = """
update export_terms set free_rows = $3, daily_rows = $4, warn_hours = $5, wait_hours = $6, ready_hours = $7
where tenant_id = $1 and id = $2
"""
APPROVERS = """
select id from org_users
where tenant_id = $1 and active and visibility = 'tenant' and roles && $2::text[] order by id
"""
