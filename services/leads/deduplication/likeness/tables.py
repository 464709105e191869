"""Names of companies, whose they are, and the pairs of leads that may be one."""

from __future__ import annotations

from sqlalchemy import Column, DateTime, Index, SmallInteger, Table, Text, Uuid, text

from services.leads.metadata import metadata
from shared.database.rls import search_function

company_names = Table(
    "company_names",
    metadata,
    Column("tenant_id", Uuid, primary_key=True),
    Column("core", Text, primary_key=True),
    # What names are looked up by; see `parts_of`.
    Column("brand", Text, nullable=False),
    Index(
        "ix_company_names_brand",
        "brand",
        postgresql_using="gin",
        postgresql_ops={"brand": "gin_trgm_ops"},
    ),
)

lead_companies = Table(
    "lead_companies",
    metadata,
    Column("tenant_id", Uuid, primary_key=True),
    Column("lead_id", Uuid, primary_key=True),
    Column("core", Text, nullable=False),
    Index("ix_lead_companies_tenant_id_core_lead_id", "tenant_id", "core", "lead_id"),
)

duplicate_suspects = Table(
    "duplicate_suspects",
    metadata,
    Column("tenant_id", Uuid, primary_key=True),
    Column("id", Uuid, primary_key=True),
    # The later of the two by id, and the earlier one.
    Column("lead_id", Uuid, nullable=False),
    Column("other_id", Uuid, nullable=False),
    # In per cent.
    Column("likeness", SmallInteger, nullable=False),
    Column("reason", Text, nullable=False),
    Column("found_at", DateTime(timezone=True), nullable=False),
    Column("state", Text, nullable=False),
    Column("decided_at", DateTime(timezone=True)),
    Column("decided_by", Uuid),
    Index("uq_duplicate_suspects_tenant_id_lead_id", "tenant_id", "lead_id", "other_id", unique=True),
    Index("ix_duplicate_suspects_tenant_id_other_id", "tenant_id", "other_id"),
    Index(
        "ix_duplicate_suspects_tenant_id_id_open",
        "tenant_id",
        "id",
        postgresql_where=text("state = 'open'"),
    ),
)

# Under row-level security an operator that is not leakproof uses no index: so names are looked up beside it.
_ALIKE = """
create function alike_companies(wanted text, most integer) returns setof text language sql stable as $body$
  select core from company_names where tenant_id = cox_tenant() and brand % wanted
  order by similarity(brand, wanted) desc, core limit most
$body$
"""
_SIGNATURE = "alike_companies(text, integer)"
FUNCTIONS: tuple[str, ...] = (_ALIKE, *search_function(_SIGNATURE))

KNOWN = "select lead_id, core from lead_companies where tenant_id = $1 and lead_id = any($2::uuid[])"
PUT = """
insert into lead_companies (tenant_id, lead_id, core) values ($1, $2, $3)
on conflict (tenant_id, lead_id) do update set core = excluded.core
"""
REMOVE = "delete from lead_companies where tenant_id = $1 and lead_id = $2"
ADD_NAME = "insert into company_names (tenant_id, core, brand) values ($1, $2, $3) on conflict do nothing"
ALIKE = "select alike_companies($1, $2) as core"
# The earliest leads of each name.
HAVING = """
select h.core, h.lead_id from unnest($2::text[]) as r(core)
cross join lateral (
  select c.core, c.lead_id from lead_companies c
  where c.tenant_id = $1 and c.core = r.core and c.lead_id <> $3 order by c.lead_id limit $4) h
"""
SUSPECT = """
insert into duplicate_suspects (tenant_id, id, lead_id, other_id, likeness, reason, found_at, state)
values ($1, $2, $3, $4, $5, $6, $7, 'open') on conflict (tenant_id, lead_id, other_id) do nothing
"""
# What was found by a name that the lead has no longer; what people decided stays.
DROP = """
delete from duplicate_suspects where tenant_id = $1 and (lead_id = $2 or other_id = $2) and state = 'open'
"""
_COLUMNS = (
    "s.id, s.lead_id, s.other_id, s.likeness, s.reason, s.found_at, s.state, s.decided_at, s.decided_by"
)
_OF_BOTH = f"""
select {_COLUMNS} from duplicate_suspects s
join leads one on one.tenant_id = s.tenant_id and one.id = s.lead_id and one.merged_into is null
join leads other on other.tenant_id = s.tenant_id and other.id = s.other_id and other.merged_into is null
where s.tenant_id = $1
"""  # noqa: S608 - own names
# Row-level security lets through whose leads the caller sees, both of them.
OPEN = f"{_OF_BOTH} and s.state = 'open' and ($2::uuid is null or s.id < $2) order by s.id desc limit $3"
OF_LEAD = (
    f"{_OF_BOTH} and s.state = 'open' and (s.lead_id = $2 or s.other_id = $2) order by s.likeness desc, s.id"
)
LOCK = f"{_OF_BOTH} and s.id = $2 for update of s"
DECIDE = """
update duplicate_suspects set state = $3, decided_at = $4, decided_by = $5 where tenant_id = $1 and id = $2
"""
COMPARING_TENANTS = (
    "select tenant_id from duplicate_policies where tenant_id = any($1::uuid[]) and company = 'flag'"
)
FORGET = (
    """delete from duplicate_suspects
    where tenant_id = $1 and (lead_id = any($2::uuid[]) or other_id = any($2::uuid[]))""",
    """with gone as (
      delete from lead_companies where tenant_id = $1 and lead_id = any($2::uuid[]) returning core)
    delete from company_names n using gone where n.tenant_id = $1 and n.core = gone.core and not exists (
      select from lead_companies c
      where c.tenant_id = $1 and c.core = gone.core and not c.lead_id = any($2::uuid[]))""",
)
