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


def claiming(first: int) -> str:
    """The same for new leads, as parts of a larger statement.

    `repeats (lead_id, first_id)` says which of them repeat an earlier lead, the phone's before the e-mail's.
    Parameters from `first` on: the tenant; kinds, values and leads, a key each, in the order of the leads.
    """
    given = f"unnest(${first + 1}::text[], ${first + 2}::text[], ${first + 3}::uuid[])"
    return f"""claimed as (
    insert into duplicate_keys as d (tenant_id, kind, value, lead_id)
    select ${first}::uuid, r.kind, r.value, r.lead_id from (
        select distinct on (kind, value) kind, value, lead_id
        from {given} with ordinality as c(kind, value, lead_id, place) order by kind, value, place) r
    order by r.kind, r.value
    on conflict (tenant_id, kind, value) do update set lead_id = d.lead_id
    returning kind, value, lead_id),
repeats as (
    select distinct on (c.lead_id) c.lead_id, k.lead_id as first_id
    from {given} as c(kind, value, lead_id) join claimed k using (kind, value)
    where k.lead_id <> c.lead_id order by c.lead_id, c.kind desc)"""  # noqa: S608 - numbers of parameters


def claiming_of_one(first: int) -> str:
    """The same for a single new lead; parameters from `first` on: the tenant, its kinds, its values, itself.

    Its keys are different ones, and in order: nothing to sort, and nothing to join.
    """
    lead = f"${first + 3}::uuid"
    return f"""claimed as (
    insert into duplicate_keys as d (tenant_id, kind, value, lead_id)
    select ${first}::uuid, r.kind, r.value, {lead}
    from unnest(${first + 1}::text[], ${first + 2}::text[]) as r(kind, value)
    on conflict (tenant_id, kind, value) do update set lead_id = d.lead_id
    returning kind, lead_id),
repeats as (
    select {lead} as lead_id, lead_id as first_id from claimed
    where lead_id <> {lead} order by kind desc limit 1)"""  # noqa: S608 - numbers of parameters


# A key that its lead gives up goes to the next lead that has it, so that it stays known.
HAND_ON = """
update duplicate_keys set lead_id = $5
where tenant_id = $1 and kind = $2 and value = $3 and lead_id = $4
"""
GIVE_UP = "delete from duplicate_keys where tenant_id = $1 and kind = $2 and value = $3 and lead_id = $4"
LOCK_KEYS = """
select kind, value, lead_id from duplicate_keys
where tenant_id = $1 and (kind, value) in (select * from unnest($2::text[], $3::text[]))
order by kind, value for update
"""
HOLDERS = """
select d.kind, d.value, d.lead_id from unnest($2::text[], $3::text[]) as r(kind, value)
join duplicate_keys d on d.tenant_id = $1 and d.kind = r.kind and d.value = r.value
"""
