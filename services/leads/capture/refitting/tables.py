"""How far the look through each field's stored values is, and which do not fit."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, DateTime, Table, Text, Uuid

from services.leads.metadata import metadata

custom_checks = Table(
    "custom_checks",
    metadata,
    Column("tenant_id", Uuid, primary_key=True),
    Column("field_id", Uuid, primary_key=True),
    Column("leads", BigInteger, nullable=False),
    Column("with_values", BigInteger, nullable=False),
    Column("misfits", BigInteger, nullable=False),
    Column("began_at", DateTime(timezone=True), nullable=False),
    Column("ended_at", DateTime(timezone=True)),
)

custom_misfits = Table(
    "custom_misfits",
    metadata,
    Column("tenant_id", Uuid, primary_key=True),
    Column("field_id", Uuid, primary_key=True),
    Column("lead_id", Uuid, primary_key=True),
    Column("code", Text, nullable=False),
    Column("detail", Text, nullable=False),
)

MADE = (
    """create table custom_checks (
        tenant_id uuid not null,
        field_id uuid not null,
        leads bigint not null,
        with_values bigint not null,
        misfits bigint not null,
        began_at timestamp with time zone not null,
        ended_at timestamp with time zone,
        constraint pk_custom_checks primary key (tenant_id, field_id)
    )""",
    """create table custom_misfits (
        tenant_id uuid not null,
        field_id uuid not null,
        lead_id uuid not null,
        code text not null,
        detail text not null,
        constraint pk_custom_misfits primary key (tenant_id, field_id, lead_id)
    )""",
)
"""What the migration executes."""

# Transactions that have read the schemas of custom fields and are not over: they hold a lock on the table.
READERS = """
select coalesce(array_agg(distinct virtualtransaction), '{}') from pg_locks
where relation = 'custom_schemas'::regclass and pid <> pg_backend_pid()
  and database = (select oid from pg_database where datname = current_database())
"""
BEGIN = """
insert into custom_checks as c (tenant_id, field_id, leads, with_values, misfits, began_at)
values ($1, $2, 0, 0, 0, $3)
on conflict (tenant_id, field_id) do update
  set leads = 0, with_values = 0, misfits = 0, began_at = excluded.began_at, ended_at = null
"""
FORGET_MISFITS = "delete from custom_misfits where tenant_id = $1 and field_id = $2"
COUNT = """
update custom_checks set leads = leads + $3, with_values = with_values + $4, misfits = misfits + $5,
  ended_at = $6
where tenant_id = $1 and field_id = $2 returning leads, with_values, misfits, began_at, ended_at
"""
CHECK = """
select leads, with_values, misfits, began_at, ended_at from custom_checks
where tenant_id = $1 and field_id = $2
"""
ADD_MISFITS = """
insert into custom_misfits (tenant_id, field_id, lead_id, code, detail)
select $1, $2, m.* from unnest($3::uuid[], $4::text[], $5::text[]) as m
"""
# What the caller sees of them, each with the value as it stands now.
MISFITS = """
select m.lead_id, m.code, m.detail, l.custom -> $3 as value from custom_misfits m
join leads l on l.tenant_id = m.tenant_id and l.id = m.lead_id
where m.tenant_id = $1 and m.field_id = $2 and ($4::uuid is null or m.lead_id > $4)
order by m.lead_id limit $5
"""
FORGET = "delete from custom_misfits where tenant_id = $1 and lead_id = any($2::uuid[])"
