"""Which leads were emptied, and what is kept of them."""

from __future__ import annotations

from sqlalchemy import Column, Date, DateTime, Table, Text, Uuid
from sqlalchemy.dialects.postgresql import JSONB

from services.leads.metadata import metadata

erasures = Table(
    "erasures",
    metadata,
    Column("tenant_id", Uuid, primary_key=True),
    Column("lead_id", Uuid, primary_key=True),
    Column("at", DateTime(timezone=True), nullable=False),
    Column("erased_by", Uuid),
    Column("reason", Text, nullable=False),
    # What must be kept of a deal that was won, up to that day.
    Column("kept", JSONB),
    Column("kept_until", Date),
)

_COLUMNS = "lead_id, at, erased_by, reason, kept, kept_until"
INSERT = f"""
insert into erasures (tenant_id, {_COLUMNS})
select $1, r.lead_id, $2, $3, $4, r.kept::jsonb, r.kept_until
from unnest($5::uuid[], $6::text[], $7::date[]) as r(lead_id, kept, kept_until)
"""  # noqa: S608 - own names
SELECT = f"select {_COLUMNS} from erasures where tenant_id = $1 and lead_id = any($2::uuid[])"  # noqa: S608
LET_GO = "update erasures set kept = null where tenant_id = $1 and lead_id = $2"
