"""The first lead of each phone and e-mail address."""

from __future__ import annotations

from sqlalchemy import Column, Table, Text, Uuid

from services.leads.metadata import metadata

duplicate_keys = Table(
    "duplicate_keys",
    metadata,
    Column("tenant_id", Uuid, primary_key=True),
    Column("kind", Text, primary_key=True),
    Column("value", Text, primary_key=True),
    Column("lead_id", Uuid, nullable=False),
)

# `do update` and not `do nothing`: the rival's uncommitted row is waited for, and then answers.
CLAIM = """
insert into duplicate_keys as d (tenant_id, kind, value, lead_id)
select $1, r.kind, r.value, r.lead_id
from unnest($2::text[], $3::text[], $4::uuid[]) as r(kind, value, lead_id)
order by r.kind, r.value
on conflict (tenant_id, kind, value) do update set lead_id = d.lead_id
returning kind, value, lead_id
"""

# A key that its lead gives up goes to the next lead that has it, so that it stays known.
HAND_ON = """
update duplicate_keys set lead_id = $5
where tenant_id = $1 and kind = $2 and value = $3 and lead_id = $4
"""
GIVE_UP = "delete from duplicate_keys where tenant_id = $1 and kind = $2 and value = $3 and lead_id = $4"
