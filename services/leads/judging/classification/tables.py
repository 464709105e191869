"""Rules that give classes, and how a tenant counts points."""

from __future__ import annotations

from sqlalchemy import BigInteger, Boolean, Column, DateTime, Index, Integer, Table, Text, Uuid
from sqlalchemy.dialects.postgresql import JSONB

from services.leads.metadata import metadata

classification_rules = Table(
    "classification_rules",
    metadata,
    Column("tenant_id", Uuid, primary_key=True),
    Column("id", Uuid, primary_key=True),
    Column("seq", BigInteger, nullable=False),
    Column("name", Text, nullable=False),
    Column("position", Integer, nullable=False),
    Column("demands", JSONB, nullable=False),
    Column("label", Text),
    Column("value_class", Text),
    Column("intent", Text),
    Column("active", Boolean, nullable=False),
    Column("created_at", DateTime(timezone=True), nullable=False),
    Column("updated_at", DateTime(timezone=True), nullable=False),
)

score_definitions = Table(
    "score_definitions",
    metadata,
    Column("tenant_id", Uuid, primary_key=True),
    Column("id", Uuid, primary_key=True),
    Column("seq", BigInteger, nullable=False),
    # None: points are counted no longer.
    Column("score", JSONB),
    Column("updated_at", DateTime(timezone=True), nullable=False),
    Index("uq_score_definitions_tenant_id", "tenant_id", unique=True),
)

# ruff: noqa: S608 - own names
_RULE = "id, seq, name, position, demands, label, value_class, intent, active"
_RULES = f"select {_RULE} from classification_rules where tenant_id = $1"
ALL_RULES = f"{_RULES} order by position, id"
ACTIVE_RULES = f"{_RULES} and active order by position, id"
SELECT_RULE = f"{_RULES} and id = $2"
LOCK_RULE = f"{SELECT_RULE} for update"
INSERT_RULE = """
insert into classification_rules (tenant_id, id, seq, name, position, demands, label, value_class, intent,
                                  active, created_at, updated_at)
values ($1, $2, 1, $3, $4, $5::jsonb, $6, $7, $8, $9, $10, $10)
"""
UPDATE_RULE = """
update classification_rules set name = $3, position = $4, demands = $5::jsonb, label = $6, value_class = $7,
  intent = $8, active = $9, updated_at = $10
where tenant_id = $1 and id = $2
"""

SCORE = "select id, seq, score from score_definitions where tenant_id = $1"
LOCK_SCORE = f"{SCORE} for update"
INSERT_SCORE = """
insert into score_definitions (tenant_id, id, seq, score, updated_at) values ($1, $2, 1, $3::jsonb, $4)
"""
UPDATE_SCORE = (
    "update score_definitions set score = $3::jsonb, updated_at = $4 where tenant_id = $1 and id = $2"
)
# Of any tenants: those who have something to judge by, and whose leads have points for being followed up.
JUDGING = """
select tenant_id from classification_rules where tenant_id = any($1::uuid[]) and active
union select tenant_id from score_definitions where tenant_id = any($1::uuid[]) and score is not null
"""
COUNTING = """
select tenant_id from score_definitions
where tenant_id = any($1::uuid[]) and jsonb_array_length(score -> 'follow_up') > 0
"""
