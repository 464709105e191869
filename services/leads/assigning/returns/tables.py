"""Leads that their owners call invalid, what was decided, and how long that may take."""

from __future__ import annotations

from sqlalchemy import BigInteger, Boolean, Column, DateTime, Index, Integer, Table, Text, Uuid, text

from services.leads.metadata import metadata

lead_returns = Table(
    "lead_returns",
    metadata,
    # Of this owner, who has the lead since then: each assignment is filed once.
    Column("tenant_id", Uuid, primary_key=True),
    Column("lead_id", Uuid, primary_key=True),
    Column("owner_id", Uuid, primary_key=True),
    Column("assigned_at", DateTime(timezone=True), primary_key=True),
    Column("filed_at", DateTime(timezone=True), nullable=False),
    Column("reason", Text, nullable=False),
    Column("note", Text),
    Column("state", Text, nullable=False),
    Column("decided_at", DateTime(timezone=True)),
    Column("decided_by", Uuid),
    Column("decision_note", Text),
    Column("turn_returned", Boolean, nullable=False),
    Column("warn_at", DateTime(timezone=True)),
    Column("due_at", DateTime(timezone=True)),
    Column("escalate_to", Text),
    Index(
        "ix_lead_returns_tenant_id_filed_at_filed",
        "tenant_id",
        "filed_at",
        postgresql_where=text("state = 'filed'"),
    ),
)

return_terms = Table(
    "return_terms",
    metadata,
    Column("tenant_id", Uuid, primary_key=True),
    Column("id", Uuid, primary_key=True),
    Column("seq", BigInteger, nullable=False),
    Column("warn_minutes", Integer),
    Column("due_minutes", Integer),
    Column("escalate_to", Text),
    Column("updated_at", DateTime(timezone=True), nullable=False),
    Index("uq_return_terms_tenant_id", "tenant_id", unique=True),
)

_COLUMNS = ", ".join(f"r.{column.name}" for column in lead_returns.columns)
FILE = """
insert into lead_returns (tenant_id, lead_id, owner_id, assigned_at, filed_at, reason, note, warn_at, due_at,
                          escalate_to, state, turn_returned)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, 'filed', false) on conflict do nothing returning true
"""
OF_LEAD = f"""
select {_COLUMNS} from lead_returns r where tenant_id = $1 and lead_id = $2 order by filed_at, owner_id
"""  # noqa: S608 - own names
FILED_LAST = f"""
select {_COLUMNS} from lead_returns r where tenant_id = $1 and lead_id = $2 and state = 'filed'
order by filed_at desc limit 1
"""  # noqa: S608
LOCK_FILED = f"{FILED_LAST} for update"
# Row-level security lets through whose leads the caller sees.
FILED = f"""
select {_COLUMNS} from lead_returns r
join leads l on l.tenant_id = r.tenant_id and l.id = r.lead_id and l.owner_id = r.owner_id
where r.tenant_id = $1 and r.state = 'filed' order by r.filed_at, r.lead_id
"""  # noqa: S608
DECIDE = """
update lead_returns set state = $5, decided_at = $6, decided_by = $7, decision_note = $8, turn_returned = $9
where tenant_id = $1 and lead_id = $2 and owner_id = $3 and assigned_at = $4
"""
TERMS = "select warn_minutes, due_minutes, escalate_to, seq from return_terms where tenant_id = $1"
LOCK_TERMS = "select id from return_terms where tenant_id = $1 for update"
INSERT_TERMS = """
insert into return_terms (tenant_id, id, seq, warn_minutes, due_minutes, escalate_to, updated_at)
values ($1, $2, 1, $3, $4, $5, $6)
"""
UPDATE_TERMS = """
update return_terms set warn_minutes = $3, due_minutes = $4, escalate_to = $5, updated_at = $6
where tenant_id = $1 and id = $2
"""


FORGET = """
update lead_returns set note = null, decision_note = null
where tenant_id = $1 and lead_id = any($2::uuid[])
"""
