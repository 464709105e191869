"""The projection of `cox.scoring` that leads needs."""

from __future__ import annotations

from sqlalchemy import Column, Date, Table, Uuid
from sqlalchemy.dialects.postgresql import JSONB

from services.leads.metadata import metadata

rep_reaches = Table(
    "rep_reaches",
    metadata,
    Column("tenant_id", Uuid, primary_key=True),
    Column("rep_id", Uuid, primary_key=True),
    # Its first day.
    Column("month", Date, primary_key=True),
    # As the event says it.
    Column("reaches", JSONB, nullable=False),
)

UPSERT = """
insert into rep_reaches (tenant_id, rep_id, month, reaches)
select * from unnest($1::uuid[], $2::uuid[], $3::date[], $4::jsonb[]) w(tenant_id, rep_id, month, reaches)
order by 1, 2, 3
on conflict (tenant_id, rep_id, month) do update set reaches = excluded.reaches
"""
SUMS = """
select r.rep_id, x->>'direction' as direction, sum((x->>'numerator')::numeric)::bigint as numerator,
  sum((x->>'denominator')::numeric)::bigint as denominator
from rep_reaches r cross join lateral jsonb_array_elements(r.reaches) x
where r.tenant_id = $1 and r.rep_id = any($2::uuid[]) and r.month >= $3 and x->>'metric' = $4
group by 1, 2
"""
