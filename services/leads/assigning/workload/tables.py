"""Open leads in hand, a row per user."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Table, Uuid

from services.leads.metadata import metadata

rep_loads = Table(
    "rep_loads",
    metadata,
    Column("tenant_id", Uuid, primary_key=True),
    Column("user_id", Uuid, primary_key=True),
    Column("open_leads", BigInteger, nullable=False),
)

READ = "select user_id, open_leads from rep_loads where tenant_id = $1 and user_id = any($2::uuid[])"
LOCK = f"{READ} order by user_id for update"
ENSURE = """
insert into rep_loads (tenant_id, user_id, open_leads)
select $1, r.user_id, 0 from unnest($2::uuid[]) as r(user_id) order by r.user_id
on conflict (tenant_id, user_id) do nothing
"""
SHIFT_ONE = """
insert into rep_loads as l (tenant_id, user_id, open_leads) values ({0}, {1}, {2})
on conflict (tenant_id, user_id) do update set open_leads = l.open_leads + excluded.open_leads
"""
SHIFT = """
insert into rep_loads as l (tenant_id, user_id, open_leads)
select $1, r.user_id, r.by from unnest($2::uuid[], $3::bigint[]) as r(user_id, by) order by r.user_id
on conflict (tenant_id, user_id) do update set open_leads = l.open_leads + excluded.open_leads
"""
