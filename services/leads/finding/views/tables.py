"""Views that are kept."""

from __future__ import annotations

from sqlalchemy import ARRAY, BigInteger, Column, DateTime, Index, Table, Text, Uuid
from sqlalchemy.dialects.postgresql import JSONB

from services.leads.metadata import metadata

views = Table(
    "views",
    metadata,
    Column("tenant_id", Uuid, primary_key=True),
    Column("id", Uuid, primary_key=True),
    Column("seq", BigInteger, nullable=False),
    Column("owner_id", Uuid, nullable=False),
    Column("name", Text, nullable=False),
    Column("shared_with", Text, nullable=False),
    # With whom belongs there or below.
    Column("unit_id", Uuid),
    Column("filters", JSONB, nullable=False),
    Column("sort", Text),
    Column("columns", ARRAY(Text), nullable=False),
    Column("created_at", DateTime(timezone=True), nullable=False),
    Column("updated_at", DateTime(timezone=True), nullable=False),
    Index("ix_views_tenant_id_owner_id", "tenant_id", "owner_id"),
)

MADE = (
    """create table views (
        tenant_id uuid not null,
        id uuid not null,
        seq bigint not null,
        owner_id uuid not null,
        name text not null,
        shared_with text not null,
        unit_id uuid,
        filters jsonb not null,
        sort text,
        columns text[] not null,
        created_at timestamp with time zone not null,
        updated_at timestamp with time zone not null,
        constraint pk_views primary key (tenant_id, id)
    )""",
    "create index ix_views_tenant_id_owner_id on views (tenant_id, owner_id)",
)
"""What the migration executes."""

_COLUMNS = "id, seq, owner_id, name, shared_with, unit_id, filters, sort, columns, created_at"
# ruff: noqa: S608 - own names
# Those of user $2, and those shared with everybody or with a unit that $3 is or belongs to.
_SHOWN = """
tenant_id = $1 and (owner_id = $2 or shared_with = 'tenant' or (shared_with = 'unit' and exists (
  select from org_closure c
  where c.tenant_id = $1 and c.ancestor_id = views.unit_id and c.descendant_id = $3)))
"""
ALL = f"select {_COLUMNS} from views where {_SHOWN} order by id"
ONE = f"select {_COLUMNS} from views where {_SHOWN} and id = $4"
LOCK = f"{ONE} for update"
COUNT = "select count(*) from views where tenant_id = $1 and owner_id = $2"
IS_ABOVE = """
select exists (select from org_closure where tenant_id = $1 and ancestor_id = $2 and descendant_id = $3)
"""
INSERT = """
insert into views (tenant_id, id, seq, owner_id, name, shared_with, unit_id, filters, sort, columns,
                   created_at, updated_at)
values ($1, $2, 1, $3, $4, $5, $6, $7::jsonb, $8, $9, $10, $10)
"""
UPDATE = """
update views set name = $3, shared_with = $4, unit_id = $5, filters = $6::jsonb, sort = $7, columns = $8,
  updated_at = $9
where tenant_id = $1 and id = $2
"""
DELETE = "delete from views where tenant_id = $1 and id = $2"
FILTERS = "select id, filters from views where tenant_id = $1 and filters::text <> '{}'"
REFILTER = "update views set filters = $3::jsonb where tenant_id = $1 and id = $2"
