"""A row for each answer that showed contact data, in partitions by month."""

from __future__ import annotations

from sqlalchemy import ARRAY, Column, DateTime, Index, Table, Text, Uuid

from services.leads.metadata import metadata
from shared.database.literals import literal
from shared.ids import new_id
from shared.web.context import Disclosure

contact_reads = Table(
    "contact_reads",
    metadata,
    Column("tenant_id", Uuid, primary_key=True),
    Column("at", DateTime(timezone=True), primary_key=True),
    Column("id", Uuid, primary_key=True),
    # The person; the owner of an API key.
    Column("user_id", Uuid),
    Column("principal_id", Uuid, nullable=False),
    Column("kind", Text, nullable=False),
    Column("route", Text, nullable=False),
    Column("address", Text),
    Column("trace_id", Text),
    Column("lead_ids", ARRAY(Uuid), nullable=False),
    Index("ix_contact_reads_lead_ids", "lead_ids", postgresql_using="gin"),
    postgresql_partition_by="range (at)",
)
_COLUMNS = ", ".join(column.name for column in contact_reads.columns)

OF_LEAD = """
select r.at, r.id, r.user_id, r.principal_id, r.kind, r.route, r.address, r.trace_id,
  cardinality(r.lead_ids) as leads
from contact_reads_of($2, $3, $4, $5) as found
join contact_reads r on r.tenant_id = $1 and r.at = found.at and r.id = found.id
order by r.at desc, r.id desc
"""
# Row-level security of leads holds whose are in sight; an answer that showed none of those is not told.
IN_SIGHT = """
select r.at, r.id, r.user_id, r.principal_id, r.kind, r.route, r.address, r.trace_id,
  cardinality(r.lead_ids) as leads, seen.ids as lead_ids
from contact_reads r
cross join lateral (
  select array_agg(l.id order by l.id) as ids from leads l
  where l.tenant_id = $1 and l.id = any(r.lead_ids)) seen
where r.tenant_id = $1 and seen.ids is not null
  and ($2::uuid is null or r.user_id = $2) and ($3::timestamptz is null or r.at >= $3)
  and ($4::timestamptz is null or r.at < $4) and ($5::timestamptz is null or (r.at, r.id) < ($5, $6::uuid))
order by r.at desc, r.id desc limit $7
"""
ENSURE_PARTITION = "select cox_ensure_contact_reads_partition($1)"


def insertion(disclosure: Disclosure) -> str:
    """The statement that writes a disclosure down; it has no parameters."""
    who = disclosure.principal
    values = (
        who.tenant_id,
        disclosure.at,
        new_id(),
        who.user_id,
        who.id,
        who.kind,
        disclosure.route,
        disclosure.address,
        disclosure.trace_id,
        disclosure.ids,
    )
    listed = ", ".join(literal(value) for value in values)
    return f"insert into contact_reads ({_COLUMNS}) values ({listed})"  # noqa: S608 - `literal` quotes
