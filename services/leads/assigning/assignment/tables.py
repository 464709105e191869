"""Rules as they are now, whose turn it was, and every assignment with its reasons."""

from __future__ import annotations

from sqlalchemy import (
    ARRAY,
    BigInteger,
    Boolean,
    Column,
    DateTime,
    Index,
    Integer,
    Table,
    Text,
    Uuid,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB

from services.leads.bulk import BulkInsert
from services.leads.metadata import metadata

assignment_rules = Table(
    "assignment_rules",
    metadata,
    Column("tenant_id", Uuid, primary_key=True),
    Column("id", Uuid, primary_key=True),
    Column("seq", BigInteger, nullable=False),
    Column("name", Text, nullable=False),
    Column("position", Integer, nullable=False),
    Column("strategy", Text, nullable=False),
    Column("conditions", JSONB, nullable=False),
    Column("user_ids", ARRAY(Uuid), nullable=False),
    Column("unit_id", Uuid),
    Column("max_open_leads", Integer),
    Column("working_hours_only", Boolean, nullable=False, server_default=text("false")),
    Column("skills", ARRAY(Text), nullable=False, server_default=text("'{}'")),
    Column("languages", ARRAY(Text), nullable=False, server_default=text("'{}'")),
    Column("weights", JSONB, nullable=False, server_default=text("""'{"default": 1, "by_level": {}}'""")),
    Column("active", Boolean, nullable=False),
    Column("created_at", DateTime(timezone=True), nullable=False),
    Column("updated_at", DateTime(timezone=True), nullable=False),
)

rotations = Table(
    "rotations",
    metadata,
    Column("tenant_id", Uuid, primary_key=True),
    Column("rule_id", Uuid, primary_key=True),
    Column("turn", BigInteger, nullable=False),
)

turns = Table(
    "turns",
    metadata,
    Column("tenant_id", Uuid, primary_key=True),
    Column("rule_id", Uuid, primary_key=True),
    Column("user_id", Uuid, primary_key=True),
    Column("last_turn", BigInteger, nullable=False),
    # Of a weighted rule: its shares that they have not had yet; below zero: had in advance.
    Column("credit", BigInteger, nullable=False, server_default=text("0")),
    # Of a rule by turns: turns that came back.
    Column("owed_turns", BigInteger, nullable=False, server_default=text("0")),
)

assignments = Table(
    "assignments",
    metadata,
    Column("tenant_id", Uuid, primary_key=True),
    Column("id", Uuid, primary_key=True),
    Column("lead_id", Uuid, nullable=False),
    Column("at", DateTime(timezone=True), nullable=False),
    Column("how", Text, nullable=False),
    # None: the rules were asked and had nobody.
    Column("owner_id", Uuid),
    Column("previous_owner_id", Uuid),
    Column("assigned_by", Uuid),
    Column("rule_id", Uuid),
    Column("rule_version", BigInteger),
    Column("reason", Text),
    Column("explanation", JSONB, nullable=False),
    # Out of which pool.
    Column("pool_id", Uuid),
    # By which reassignment of many.
    Column("reassignment_id", Uuid),
    Index("ix_assignments_tenant_id_lead_id_at", "tenant_id", "lead_id", "at"),
)

INSERT_ASSIGNMENTS = BulkInsert(assignments, [column.name for column in assignments.columns])

RULE_COLUMNS = tuple(column.name for column in assignment_rules.columns)
SELECT_RULES = f"select {', '.join(RULE_COLUMNS)} from assignment_rules where tenant_id = $1"  # noqa: S608
ACTIVE_RULES = f"{SELECT_RULES} and active order by position, id"
TENANTS_WITH_RULES = (
    "select distinct tenant_id from assignment_rules where tenant_id = any($1::uuid[]) and active"
)

# One row per rule is the lock that makes turns fair; taken in the order of ids.
ENSURE_ROTATIONS = """
insert into rotations (tenant_id, rule_id, turn)
select $1, r.rule_id, 0 from unnest($2::uuid[]) as r(rule_id) order by r.rule_id
on conflict (tenant_id, rule_id) do nothing
"""
LOCK_ROTATIONS = """
select rule_id, turn from rotations where tenant_id = $1 and rule_id = any($2::uuid[])
order by rule_id for update
"""
READ_ROTATIONS = "select rule_id, turn from rotations where tenant_id = $1 and rule_id = any($2::uuid[])"
SELECT_TURNS = """
select rule_id, user_id, last_turn, credit, owed_turns from turns
where tenant_id = $1 and rule_id = any($2::uuid[])
"""
SET_ROTATIONS = """
update rotations set turn = r.turn from unnest($2::uuid[], $3::bigint[]) as r(rule_id, turn)
where rotations.tenant_id = $1 and rotations.rule_id = r.rule_id
"""
SET_TURNS = """
insert into turns as t (tenant_id, rule_id, user_id, last_turn, credit, owed_turns)
select $1, r.rule_id, r.user_id, coalesce(r.turn, 0), r.owed, r.owed_turns
from unnest($2::uuid[], $3::uuid[], $4::bigint[], $5::bigint[], $6::bigint[])
  as r(rule_id, user_id, turn, owed, owed_turns)
order by r.rule_id, r.user_id
on conflict (tenant_id, rule_id, user_id) do update
  set last_turn = greatest(t.last_turn, excluded.last_turn), credit = t.credit + excluded.credit,
      owed_turns = t.owed_turns + excluded.owed_turns
"""
SELECT_ASSIGNMENTS = """
select id, at, how, owner_id, previous_owner_id, assigned_by, rule_id, rule_version, reason, explanation,
  pool_id, reassignment_id
from assignments where tenant_id = $1 and lead_id = $2 order by at, id
"""

# Ids grow with time: those of the days in question are one piece of the key.
MADE_BY_RULES = """
select lead_id, at, owner_id, explanation from assignments
where tenant_id = $1 and at >= $2 and how = 'rule' and id >= $4 order by id desc limit $3
"""

# What the past says of an owner is no assignment that anything is planned by.
OWNED_SINCE = """
select lead_id, at from (
  select distinct on (lead_id) lead_id, at, how from assignments
  where tenant_id = $1 and lead_id = any($2::uuid[]) and owner_id is not null
  order by lead_id, at desc, id desc) last
where how <> 'import'
"""

SELECT_RULE = f"{SELECT_RULES} and id = $2"
LOCK_RULE = f"{SELECT_RULE} for update"
INSERT_RULE = """
insert into assignment_rules (tenant_id, id, seq, name, position, strategy, conditions, user_ids, unit_id,
                              max_open_leads, working_hours_only, skills, languages, weights, active,
                              created_at, updated_at)
values ($1, $2, 1, $3, $4, $5, $6::jsonb, $7, $8, $9, $10, $11, $12, $13::jsonb, $14, $15, $15)
"""
UPDATE_RULE = """
update assignment_rules set name = $3, position = $4, strategy = $5, conditions = $6::jsonb, user_ids = $7,
  unit_id = $8, max_open_leads = $9, working_hours_only = $10, skills = $11, languages = $12,
  weights = $13::jsonb, active = $14, updated_at = $15
where tenant_id = $1 and id = $2
"""


FORGET = """
update assignments set reason = null
where tenant_id = $1 and lead_id = any($2::uuid[]) and reason is not null
"""
