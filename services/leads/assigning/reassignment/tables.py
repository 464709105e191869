"""Reassignments that were asked for, how far they are, and the leads that stayed where they were."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, DateTime, Index, Table, Text, Uuid
from sqlalchemy.dialects.postgresql import JSONB

from services.leads.metadata import metadata

reassignments = Table(
    "reassignments",
    metadata,
    Column("tenant_id", Uuid, primary_key=True),
    Column("id", Uuid, primary_key=True),
    # The person; the owner of an API key; a service counts for itself.
    Column("user_id", Uuid, nullable=False),
    # With the rights that it was asked with.
    Column("asker", JSONB, nullable=False),
    Column("at", DateTime(timezone=True), nullable=False),
    Column("filters", JSONB, nullable=False),
    # As they were when it was asked for, whatever becomes of the view.
    Column("view_id", Uuid),
    Column("view_filters", JSONB),
    Column("goal", JSONB, nullable=False),
    Column("reason", Text),
    Column("total", BigInteger, nullable=False),
    Column("state", Text, nullable=False),
    Column("stopped_why", Text),
    Column("stopped_by", Uuid),
    # The last lead that was looked at.
    Column("after_id", Uuid),
    Column("given", JSONB, nullable=False),
    Column("taken", JSONB, nullable=False),
    Column("kept", JSONB, nullable=False),
    Column("ended_at", DateTime(timezone=True)),
    Index("ix_reassignments_tenant_id_user_id_id", "tenant_id", "user_id", "id"),
)

kept_leads = Table(
    "kept_leads",
    metadata,
    Column("tenant_id", Uuid, primary_key=True),
    Column("reassignment_id", Uuid, primary_key=True),
    Column("lead_id", Uuid, primary_key=True),
    Column("reason", Text, nullable=False),
    Index("ix_kept_leads_tenant_id_lead_id", "tenant_id", "lead_id"),
)

MADE = (
    """create table reassignments (
        tenant_id uuid not null,
        id uuid not null,
        user_id uuid not null,
        asker jsonb not null,
        at timestamp with time zone not null,
        filters jsonb not null,
        view_id uuid,
        view_filters jsonb,
        goal jsonb not null,
        reason text,
        total bigint not null,
        state text not null,
        stopped_why text,
        stopped_by uuid,
        after_id uuid,
        given jsonb not null,
        taken jsonb not null,
        kept jsonb not null,
        ended_at timestamp with time zone,
        constraint pk_reassignments primary key (tenant_id, id)
    )""",
    "create index ix_reassignments_tenant_id_user_id_id on reassignments (tenant_id, user_id, id)",
    """create table kept_leads (
        tenant_id uuid not null,
        reassignment_id uuid not null,
        lead_id uuid not null,
        reason text not null,
        constraint pk_kept_leads primary key (tenant_id, reassignment_id, lead_id)
    )""",
    "create index ix_kept_leads_tenant_id_lead_id on kept_leads (tenant_id, lead_id)",
    "alter table assignments add column reassignment_id uuid",
)
"""What the migration executes."""

# ruff: noqa: S608 - own names
_COLUMNS = """id, user_id, asker, at, filters, view_id, view_filters, goal, reason, total, state, stopped_why,
  stopped_by, after_id, given, taken, kept, ended_at"""
INSERT = """
insert into reassignments (tenant_id, id, user_id, asker, at, filters, view_id, view_filters, goal, reason,
                           total, state, given, taken, kept)
values ($1, $2, $3, $4::jsonb, $5, $6::jsonb, $7, $8::jsonb, $9::jsonb, $10, $11, 'running', '{}', '{}', '{}')
"""
ONE = f"select {_COLUMNS} from reassignments where tenant_id = $1 and id = $2"
LOCK = f"{ONE} for update"
# Of one person, or of all.
PAGE = f"""
select {_COLUMNS} from reassignments
where tenant_id = $1 and ($2::uuid is null or user_id = $2) and ($3::text is null or state = $3)
  and ($4::uuid is null or id < $4)
order by id desc limit $5
"""
GO_ON = """
update reassignments set after_id = $3, given = $4::jsonb, taken = $5::jsonb, kept = $6::jsonb, state = $7,
  ended_at = $8
where tenant_id = $1 and id = $2
"""
STOP = """
update reassignments set state = 'stopped', stopped_why = $3, stopped_by = $4, ended_at = $5
where tenant_id = $1 and id = $2
"""
KEEP = """
insert into kept_leads (tenant_id, reassignment_id, lead_id, reason)
select $1, $2, k.* from unnest($3::uuid[], $4::text[]) as k
"""
# Of those that the caller sees: row-level security of leads leaves no other.
KEPT = """
select k.lead_id, k.reason from kept_leads k join leads l on l.tenant_id = k.tenant_id and l.id = k.lead_id
where k.tenant_id = $1 and k.reassignment_id = $2 and ($3::text is null or k.reason = $3)
  and ($4::uuid is null or k.lead_id > $4)
order by k.lead_id limit $5
"""
FILTERED_BY_WORDS = """
select id, filters, view_filters from reassignments
where tenant_id = $1 and (filters ?| array['q', 'custom'] or view_filters ?| array['q', 'custom']) for update
"""
CHANGE_FILTERS = """
update reassignments set filters = $3::jsonb, view_filters = $4::jsonb where tenant_id = $1 and id = $2
"""
