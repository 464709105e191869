"""The first lead of each exact key, what is done with those that repeat it, and who belongs to its family."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, DateTime, Index, Table, Text, Uuid

from services.leads.metadata import metadata

duplicate_keys = Table(
    "duplicate_keys",
    metadata,
    Column("tenant_id", Uuid, primary_key=True),
    Column("kind", Text, primary_key=True),
    Column("value", Text, primary_key=True),
    Column("lead_id", Uuid, nullable=False),
)

duplicate_policies = Table(
    "duplicate_policies",
    metadata,
    Column("tenant_id", Uuid, primary_key=True),
    Column("id", Uuid, primary_key=True),
    Column("seq", BigInteger, nullable=False),
    Column("phone", Text, nullable=False),
    Column("email", Text, nullable=False),
    Column("credit_code", Text, nullable=False),
    Column("wecom_id", Text, nullable=False),
    Column("family", Text, nullable=False),
    Column("company", Text, nullable=False),
    Column("updated_at", DateTime(timezone=True), nullable=False),
    Index("uq_duplicate_policies_tenant_id", "tenant_id", unique=True),
)

lead_relatives = Table(
    "lead_relatives",
    metadata,
    Column("tenant_id", Uuid, primary_key=True),
    Column("lead_id", Uuid, primary_key=True),
    Column("id", Uuid, primary_key=True),
    Column("relation", Text, nullable=False),
    Column("name", Text),
    # A key like a lead's own.
    Column("phone", Text),
    Column("phone_text", Text),
    Column("created_at", DateTime(timezone=True), nullable=False),
    Column("created_by", Uuid),
    Index("ix_lead_relatives_tenant_id_phone", "tenant_id", "phone"),
)

POLICY_COLUMNS = ("phone", "email", "credit_code", "wecom_id", "family", "company")
_POLICY = ", ".join(POLICY_COLUMNS)
POLICY = f"select {_POLICY}, seq as version from duplicate_policies where tenant_id = $1"  # noqa: S608 - own names
LOCK_POLICY = "select id from duplicate_policies where tenant_id = $1 for update"
INSERT_POLICY = f"""
insert into duplicate_policies (tenant_id, id, seq, {_POLICY}, updated_at)
values ($1, $2, 1, $3, $4, $5, $6, $7, $8, $9)
"""  # noqa: S608
UPDATE_POLICY = """
update duplicate_policies set phone = $3, email = $4, credit_code = $5, wecom_id = $6, family = $7,
  company = $8, updated_at = $9
where tenant_id = $1 and id = $2
"""
MERGING_TENANTS = f"""
select tenant_id from duplicate_policies
where tenant_id = any($1::uuid[]) and 'merge' in ({_POLICY})
"""  # noqa: S608

INSERT_RELATIVE = """
insert into lead_relatives (tenant_id, lead_id, id, relation, name, phone, phone_text, created_at, created_by)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9)
"""
RELATIVES = """
select id, relation, name, phone, phone_text, created_at, created_by from lead_relatives
where tenant_id = $1 and lead_id = $2 order by created_at, id
"""
DELETE_RELATIVE = """
delete from lead_relatives where tenant_id = $1 and lead_id = $2 and id = $3 returning true
"""
# Who is named on these leads, and these leads' own people where others name them.
FORGET_RELATIVES = """
delete from lead_relatives r using leads l
where l.tenant_id = $1 and l.id = any($2::uuid[]) and r.tenant_id = l.tenant_id
  and (r.lead_id = l.id or r.phone = any(
    array[l.phone || coalesce(';ext=' || l.phone_extension, '')] || l.other_phones))
"""
# The first lead that names somebody with this phone.
NAMING = """
select distinct on (phone) phone, lead_id from lead_relatives
where tenant_id = $1 and phone = any($2::text[]) order by phone, created_at, id
"""

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
    Parameters from `first` on: the tenant; kinds, values (both as `array_literal`s) and leads, a key each, in
    the order of the leads.
    """
    given = f"unnest(${first + 1}::text::text[], ${first + 2}::text::text[], ${first + 3}::uuid[])"
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
PASSING = """
update duplicate_keys d set lead_id = r.lead_id
from unnest($2::text[], $3::text[], $4::uuid[]) as r(kind, value, lead_id)
where d.tenant_id = $1 and d.kind = r.kind and d.value = r.value and r.lead_id is not null
"""
DROP = """
delete from duplicate_keys d using unnest($2::text[], $3::text[]) as r(kind, value)
where d.tenant_id = $1 and d.kind = r.kind and d.value = r.value
"""
