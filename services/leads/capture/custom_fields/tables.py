"""Each tenant's custom fields, and the version of all of them together."""

from __future__ import annotations

from sqlalchemy import BigInteger, Boolean, Column, DateTime, Index, Integer, Table, Text, Uuid, text
from sqlalchemy.dialects.postgresql import JSONB

from services.leads.metadata import metadata

# A row once the tenant has defined a field. Whoever stores values reads it in the same transaction: by the
# lock on the table that this leaves until the end, `refitting` knows who may still go by an older version.
custom_schemas = Table(
    "custom_schemas",
    metadata,
    Column("tenant_id", Uuid, primary_key=True),
    Column("version", BigInteger, nullable=False),
    Column("keeps_unknown", Boolean, nullable=False),
)

custom_fields = Table(
    "custom_fields",
    metadata,
    Column("tenant_id", Uuid, primary_key=True),
    Column("id", Uuid, primary_key=True),
    Column("seq", BigInteger, nullable=False),
    Column("key", Text, nullable=False),
    Column("labels", JSONB, nullable=False),
    # Null until it first holds.
    Column("type", Text),
    Column("wanted", Text),
    Column("state", Text, nullable=False),
    Column("options", JSONB, nullable=False),
    Column("default_value", JSONB(none_as_null=True)),
    Column("required_from", Text),
    Column("searchable", Boolean, nullable=False),
    Column("position", Integer, nullable=False),
    Column("active", Boolean, nullable=False, server_default=text("true")),
    Column("created_at", DateTime(timezone=True), nullable=False),
    Column("updated_at", DateTime(timezone=True), nullable=False),
    Index("uq_custom_fields_tenant_id_key", "tenant_id", "key", unique=True),
)

MADE = (
    """create table custom_schemas (
        tenant_id uuid not null,
        version bigint not null,
        keeps_unknown boolean not null,
        constraint pk_custom_schemas primary key (tenant_id)
    )""",
    """create table custom_fields (
        tenant_id uuid not null,
        id uuid not null,
        seq bigint not null,
        key text not null,
        labels jsonb not null,
        type text,
        wanted text,
        state text not null,
        options jsonb not null,
        default_value jsonb,
        required_from text,
        searchable boolean not null,
        position integer not null,
        active boolean default true not null,
        created_at timestamp with time zone not null,
        updated_at timestamp with time zone not null,
        constraint pk_custom_fields primary key (tenant_id, id)
    )""",
    "create unique index uq_custom_fields_tenant_id_key on custom_fields (tenant_id, key)",
)
"""What the migration executes."""

_COLUMNS = (
    "id", "seq", "key", "labels", "type", "wanted", "state", "options", "default_value", "required_from",
    "searchable", "position", "active",
)  # fmt: skip
_FIELD = ", ".join(f"f.{name}" for name in _COLUMNS)
# ruff: noqa: S608 - own names
VERSION = "select version from custom_schemas where tenant_id = $1"
SCHEMA = f"""
select s.version, s.keeps_unknown, {_FIELD} from custom_schemas s
left join custom_fields f on f.tenant_id = s.tenant_id
where s.tenant_id = $1 order by f.position, f.id
"""
LOCK_FIELD = f"select {_FIELD} from custom_fields f where f.tenant_id = $1 and f.id = $2 for update"
# Also the lock that those who define fields wait at for one another.
NEXT_VERSION = """
insert into custom_schemas as s (tenant_id, version, keeps_unknown) values ($1, 1, coalesce($2, false))
on conflict (tenant_id) do update
  set version = s.version + 1, keeps_unknown = coalesce($2, s.keeps_unknown)
"""
HOLD = f"{VERSION} for update"
INSERT = """
insert into custom_fields (tenant_id, id, seq, key, labels, type, wanted, state, options, default_value,
                           required_from, searchable, position, active, created_at, updated_at)
values ($1, $2, 1, $3, $4::jsonb, $5, $6, $7, $8::jsonb, $9::jsonb, $10, $11, $12, $13, $14, $14)
on conflict (tenant_id, key) do nothing returning id
"""
UPDATE = """
update custom_fields set key = $3, labels = $4::jsonb, type = $5, wanted = $6, state = $7,
  options = $8::jsonb, default_value = $9::jsonb, required_from = $10, searchable = $11, position = $12,
  active = $13, updated_at = $14
where tenant_id = $1 and id = $2
"""
