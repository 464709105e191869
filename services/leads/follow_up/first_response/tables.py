"""Response rules as they are now, and the clock of each assignment that one of them applied to."""

from __future__ import annotations

from sqlalchemy import BigInteger, Boolean, Column, DateTime, Index, Integer, Table, Text, Uuid, text
from sqlalchemy.dialects.postgresql import JSONB

from services.leads.bulk import BulkInsert
from services.leads.metadata import metadata
from shared.access.directory import unit_of_user

response_rules = Table(
    "response_rules",
    metadata,
    Column("tenant_id", Uuid, primary_key=True),
    Column("id", Uuid, primary_key=True),
    Column("seq", BigInteger, nullable=False),
    Column("name", Text, nullable=False),
    Column("position", Integer, nullable=False),
    Column("conditions", JSONB, nullable=False),
    Column("terms", JSONB, nullable=False),
    Column("active", Boolean, nullable=False),
    Column("created_at", DateTime(timezone=True), nullable=False),
    Column("updated_at", DateTime(timezone=True), nullable=False),
)

response_clocks = Table(
    "response_clocks",
    metadata,
    Column("tenant_id", Uuid, primary_key=True),
    Column("lead_id", Uuid, primary_key=True),
    Column("started_at", DateTime(timezone=True), primary_key=True),
    Column("owner_id", Uuid, nullable=False),
    Column("rule_id", Uuid, nullable=False),
    Column("rule_version", BigInteger, nullable=False),
    # As the rule said then: an owner is not judged by what was decided later.
    Column("terms", JSONB, nullable=False),
    # When the clock of the first of several owners started, each of whom lost the lead unanswered.
    Column("waiting_since", DateTime(timezone=True), nullable=False),
    Column("happened", JSONB, nullable=False),
    Column("handled_at", DateTime(timezone=True)),
    Column("how", Text),
    Column("business_s", BigInteger),
    Index(
        "ix_response_clocks_tenant_id_lead_id_unhandled",
        "tenant_id",
        "lead_id",
        postgresql_where=text("handled_at is null"),
    ),
)

RULE_COLUMNS = ("id", "seq", "name", "position", "conditions", "terms", "active")
SELECT_RULES = f"select {', '.join(RULE_COLUMNS)} from response_rules where tenant_id = $1"  # noqa: S608
IN_ORDER = "order by position, id"
ALL_RULES = f"{SELECT_RULES} {IN_ORDER}"
ACTIVE_RULES = f"{SELECT_RULES} and active {IN_ORDER}"
SELECT_RULE = f"{SELECT_RULES} and id = $2"
LOCK_RULE = f"{SELECT_RULE} for update"
INSERT_RULE = """
insert into response_rules (tenant_id, id, seq, name, position, conditions, terms, active, created_at,
                            updated_at)
values ($1, $2, 1, $3, $4, $5::jsonb, $6::jsonb, $7, $8, $8)
"""
UPDATE_RULE = """
update response_rules set name = $3, position = $4, conditions = $5::jsonb, terms = $6::jsonb, active = $7,
  updated_at = $8
where tenant_id = $1 and id = $2
"""
ROLES_HELD = """
select distinct role from org_users u, unnest(u.roles) as role
where u.tenant_id = $1 and u.active and role = any($2::text[])
"""
# Who has a role in the owner's unit, else in the nearest one above where anybody has; not the owner.
BOSSES = f"""
with owners as (
  select n.id as unit_id from org_users u
  {unit_of_user()}
  where u.tenant_id = $1 and u.id = $2
), above as (
  select u.id, c.depth from owners o
  join org_closure c on c.tenant_id = $1 and c.descendant_id = o.unit_id
  join lateral (
    select u.id, n.id as unit_id from org_users u
    {unit_of_user()}
    where u.tenant_id = $1 and u.active and u.id <> $2 and $3 = any(u.roles)
  ) u on u.unit_id = c.ancestor_id
)
select id from above where depth = (select min(depth) from above) order by id
"""  # noqa: S608 - our own words

CLOCK_COLUMNS = (
    "lead_id", "started_at", "owner_id", "rule_id", "rule_version", "terms", "waiting_since", "happened",
    "handled_at", "how", "business_s",
)  # fmt: skip
CLOCKS_OF = f"""
select {", ".join(CLOCK_COLUMNS)} from response_clocks
where tenant_id = $1 and lead_id = any($2::uuid[]) order by lead_id, started_at
"""  # noqa: S608 - own names
INSERT_CLOCKS = BulkInsert(
    response_clocks,
    ["tenant_id", *CLOCK_COLUMNS],
    suffix="on conflict (tenant_id, lead_id, started_at) do nothing",
)
UPDATE_CLOCK = """
update response_clocks set happened = $4::jsonb, handled_at = $5, how = $6, business_s = $7
where tenant_id = $1 and lead_id = $2 and started_at = $3
"""
# What is done for a part of a lead is done for the lead.
UNHANDLED = """
select distinct c.tenant_id, c.lead_id from unnest($1::uuid[], $2::uuid[]) as r(tenant_id, lead_id)
left join merges m on m.tenant_id = r.tenant_id and m.lead_id = r.lead_id and m.root_id is not null
join response_clocks c
  on c.tenant_id = r.tenant_id and c.lead_id = coalesce(m.root_id, r.lead_id) and c.handled_at is null
order by c.tenant_id, c.lead_id
"""
