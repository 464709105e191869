"""Which row of which source became which lead, and how much of its history is in."""

from __future__ import annotations

from sqlalchemy import Column, Integer, Table, Text, Uuid

from services.leads.metadata import metadata

import_keys = Table(
    "import_keys",
    metadata,
    Column("tenant_id", Uuid, primary_key=True),
    Column("source", Text, primary_key=True),
    Column("external_id", Text, primary_key=True),
    Column("lead_id", Uuid, nullable=False),
    # The first `steps` steps are applied; `digest` is theirs.
    Column("steps", Integer, nullable=False),
    Column("digest", Text, nullable=False),
)

# Rivals importing the same row wait here; the row is made first, so the lock is there before anything else.
CLAIM = """
insert into import_keys as k (tenant_id, source, external_id, lead_id, steps, digest)
select $1, $2, r.external_id, r.lead_id, -1, '' from unnest($3::text[], $4::uuid[]) as r(external_id, lead_id)
order by r.external_id
on conflict (tenant_id, source, external_id) do update set lead_id = k.lead_id
returning external_id, lead_id, steps, digest
"""
ADVANCE = """
update import_keys set steps = r.steps, digest = r.digest
from unnest($3::text[], $4::int[], $5::text[]) as r(external_id, steps, digest)
where import_keys.tenant_id = $1 and import_keys.source = $2 and import_keys.external_id = r.external_id
"""
GIVE_UP = """
delete from import_keys where tenant_id = $1 and source = $2 and steps = -1 and external_id = any($3::text[])
"""


# Names of rows in which the person's own name, number or address stands. No index is kept for this alone.
FORGET = """
update import_keys k set external_id = 'erased:' || gen_random_uuid()
from leads l
where l.tenant_id = $1 and l.id = any($2::uuid[]) and k.tenant_id = l.tenant_id and k.lead_id = l.id
  and exists (
    select from unnest(array[l.name, l.email, l.email_text, l.phone_text, right(l.phone, 8)]) as own(word)
    where word <> '' and strpos(lower(k.external_id), lower(word)) > 0)
"""
# Rows without a history are whole at once.
CLAIM_ROWS = """
with claimed as (
  insert into import_keys as k (tenant_id, source, external_id, lead_id, steps, digest)
  select $1, $2, r.external_id, r.lead_id, 0, r.digest
  from unnest($3::text::text[], $4::uuid[], $5::text::text[]) as r(external_id, lead_id, digest)
  order by r.external_id
  on conflict (tenant_id, source, external_id) do update set lead_id = k.lead_id
  returning external_id, lead_id, digest)
select c.external_id, c.lead_id, c.digest from claimed c
where not exists (select from unnest($4::uuid[]) as own(id) where own.id = c.lead_id)
"""
ROWS_KNOWN = """
select external_id, lead_id from import_keys
where tenant_id = $1 and source = $2 and external_id = any($3::text[])
"""
GIVE_UP_ROWS = """
delete from import_keys where tenant_id = $1 and source = $2 and external_id = any($3::text[])
"""
