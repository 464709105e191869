"""The projection of `cox.activities` that leads needs."""

from __future__ import annotations

from sqlalchemy import BigInteger, Boolean, Column, DateTime, Index, Table, Text, Uuid

from services.leads.bulk import BulkInsert
from services.leads.deduplication.parts.whole import whole
from services.leads.metadata import metadata

lead_activities = Table(
    "lead_activities",
    metadata,
    Column("tenant_id", Uuid, primary_key=True),
    Column("lead_id", Uuid, primary_key=True),
    Column("activity_id", Uuid, primary_key=True),
    Column("kind", Text, nullable=False),
    Column("at", DateTime(timezone=True), nullable=False),
    Column("outcome", Text),
    Column("duration_s", BigInteger),
    Column("effective", Boolean, nullable=False),
    Column("rep_id", Uuid),
    Index("ix_lead_activities_tenant_id_lead_id_at", "tenant_id", "lead_id", "at"),
)

UPSERT = BulkInsert(
    lead_activities,
    [column.name for column in lead_activities.columns],
    suffix="on conflict (tenant_id, lead_id, activity_id) do nothing",
)
SELECT_OF_LEAD = f"""
select activity_id, kind, at, outcome, duration_s, effective, rep_id, lead_id
from {whole("$1", "$2::uuid")} join lead_activities a on a.tenant_id = $1 and a.lead_id = w.id
order by at, activity_id
"""  # noqa: S608 - own words
LAST_EFFECTIVE = f"""
select r.lead_id, max(a.at) as at from unnest($2::uuid[], $3::timestamptz[]) as r(lead_id, since)
cross join lateral {whole("$1", "r.lead_id")}
join lead_activities a on a.tenant_id = $1 and a.lead_id = w.id and a.at >= r.since and a.effective
group by r.lead_id
"""  # noqa: S608
# No index is kept for this alone: whoever asks it does so now and then.
SELECT_SINCE = """
select lead_id, at, kind, outcome, effective from lead_activities where tenant_id = $1 and at >= $2
order by at desc, activity_id limit $3
"""
