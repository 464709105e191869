"""Rules as they are now, and every run of them."""

from __future__ import annotations

from sqlalchemy import BigInteger, Boolean, Column, DateTime, Index, Integer, Table, Text, Uuid
from sqlalchemy.dialects.postgresql import JSONB

from services.leads.bulk import BulkInsert
from services.leads.metadata import metadata

automation_rules = Table(
    "automation_rules",
    metadata,
    Column("tenant_id", Uuid, primary_key=True),
    Column("id", Uuid, primary_key=True),
    Column("seq", BigInteger, nullable=False),
    Column("name", Text, nullable=False),
    Column("position", Integer, nullable=False),
    Column("event", Text, nullable=False),
    Column("terms", JSONB, nullable=False),
    Column("active", Boolean, nullable=False),
    Column("created_at", DateTime(timezone=True), nullable=False),
    Column("updated_at", DateTime(timezone=True), nullable=False),
)

automation_runs = Table(
    "automation_runs",
    metadata,
    Column("tenant_id", Uuid, primary_key=True),
    Column("id", Uuid, primary_key=True),
    Column("lead_id", Uuid, nullable=False),
    Column("event_id", Uuid, nullable=False),
    Column("event", Text, nullable=False),
    Column("rule_id", Uuid, nullable=False),
    Column("rule_version", BigInteger, nullable=False),
    Column("at", DateTime(timezone=True), nullable=False),
    # The event that the chain began with, and how many runs had to be, one after the other.
    Column("chain_id", Uuid, nullable=False),
    Column("depth", Integer, nullable=False),
    Column("outcome", Text, nullable=False),
    Column("steps", JSONB, nullable=False),
    Column("code", Text),
    Column("detail", Text),
    Index(
        "uq_automation_runs_tenant_id_lead_id_event_id_rule_id",
        "tenant_id",
        "lead_id",
        "event_id",
        "rule_id",
        unique=True,
    ),
    Index("ix_automation_runs_tenant_id_rule_id_id", "tenant_id", "rule_id", "id"),
    Index("ix_automation_runs_at", "at"),
)

# ruff: noqa: S608 - own names
_RULE = "id, seq, name, position, terms, active"
ALL_RULES = f"select {_RULE} from automation_rules where tenant_id = $1 order by position, id"
ACTIVE_RULES = f"select {_RULE} from automation_rules where tenant_id = $1 and active order by position, id"
SELECT_RULE = f"select {_RULE} from automation_rules where tenant_id = $1 and id = $2"
LOCK_RULE = f"{SELECT_RULE} for update"
# Of any tenants: for projections.
ACTIVE_ON = f"""
select tenant_id, {_RULE} from automation_rules where tenant_id = any($1::uuid[]) and active and event = $2
"""
WAITED_FOR = (
    "select distinct tenant_id, event from automation_rules where tenant_id = any($1::uuid[]) and active"
)
INSERT_RULE = """
insert into automation_rules (tenant_id, id, seq, name, position, event, terms, active, created_at,
                              updated_at)
values ($1, $2, 1, $3, $4, $5, $6::jsonb, $7, $8, $8)
"""
UPDATE_RULE = """
update automation_rules set name = $3, position = $4, event = $5, terms = $6::jsonb, active = $7,
  updated_at = $8
where tenant_id = $1 and id = $2
"""

INSERT_RUNS = BulkInsert(automation_runs, [column.name for column in automation_runs.columns])
_RUN = ", ".join(f"r.{column.name}" for column in automation_runs.columns if column.name != "tenant_id")
RUNS_OF_LEAD = f"select {_RUN} from automation_runs r where tenant_id = $1 and lead_id = $2"
# Row-level security lets through whose leads the caller sees.
RUNS_OF_RULE = f"""
select {_RUN} from automation_runs r
where r.tenant_id = $1 and r.rule_id = $2 and ($3::uuid is null or r.id < $3)
  and exists (select from leads l where l.tenant_id = r.tenant_id and l.id = r.lead_id)
order by r.id desc limit $4
"""
# Of the chains that these events belong to, or follow from.
LINKS = """
select r.lead_id, r.event_id, r.chain_id, r.depth, r.rule_id from automation_runs r
where r.tenant_id = $1 and r.lead_id = any($2::uuid[]) and r.chain_id in (
  select s.chain_id from automation_runs s
  where s.tenant_id = $1 and s.lead_id = any($2::uuid[]) and s.event_id = any($3::uuid[]))
"""
PURGE = """
delete from automation_runs where ctid = any(array(
  select ctid from automation_runs where at < $1 order by at limit $2 for update skip locked))
"""

# What happened, newest first, among the newest $4 entries of the journal.
RECENT_EVENTS = """
select e.aggregate_id as lead_id, e.occurred_at as at, e.type, e.payload::jsonb as data from events e
where e.tenant_id = $1 and e.type = $2 and e.occurred_at >= $3 and not e.historic
  and e.id > (select last_value from events_id_seq) - $4
order by e.id desc limit $5
"""
# Whether something of the time from $3 on may lie beyond the newest $2 entries.
GOES_DEEPER = """
select last_value > $2 and coalesce((
  select e.occurred_at >= $3 from events e
  where e.tenant_id = $1 and e.id > s.last_value - $2 order by e.id limit 1), true)
from events_id_seq s
"""


FORGET = """
update automation_runs set detail = null
where tenant_id = $1 and lead_id = any($2::uuid[]) and detail is not null
"""
