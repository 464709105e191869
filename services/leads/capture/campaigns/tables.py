"""Campaigns and their costs; their leads are counted by the index that only leads of campaigns are in."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Date, DateTime, Index, Table, Text, Uuid

from services.leads.metadata import metadata

campaigns = Table(
    "campaigns",
    metadata,
    Column("tenant_id", Uuid, primary_key=True),
    Column("id", Uuid, primary_key=True),
    Column("seq", BigInteger, nullable=False),
    # What leads carry: it is never changed.
    Column("name", Text, nullable=False),
    Column("channel", Text),
    Column("starts_on", Date),
    Column("ends_on", Date),
    Column("budget_minor", BigInteger),
    Column("budget_currency", Text),
    Column("created_at", DateTime(timezone=True), nullable=False),
    Index("uq_campaigns_tenant_id_name", "tenant_id", "name", unique=True),
)

campaign_costs = Table(
    "campaign_costs",
    metadata,
    Column("tenant_id", Uuid, primary_key=True),
    Column("campaign_id", Uuid, primary_key=True),
    Column("id", Uuid, primary_key=True),
    Column("day", Date, nullable=False),
    Column("amount_minor", BigInteger, nullable=False),
    Column("amount_currency", Text, nullable=False),
    # At the rate of the day.
    Column("amount_tenant_minor", BigInteger, nullable=False),
    Column("note", Text),
    Column("by_id", Uuid),
    Column("recorded_at", DateTime(timezone=True), nullable=False),
)

MADE = (
    """create table campaigns (
        tenant_id uuid not null,
        id uuid not null,
        seq bigint not null,
        name text not null,
        channel text,
        starts_on date,
        ends_on date,
        budget_minor bigint,
        budget_currency text,
        created_at timestamp with time zone not null,
        constraint pk_campaigns primary key (tenant_id, id)
    )""",
    "create unique index uq_campaigns_tenant_id_name on campaigns (tenant_id, name)",
    """create table campaign_costs (
        tenant_id uuid not null,
        campaign_id uuid not null,
        id uuid not null,
        day date not null,
        amount_minor bigint not null,
        amount_currency text not null,
        amount_tenant_minor bigint not null,
        note text,
        by_id uuid,
        recorded_at timestamp with time zone not null,
        constraint pk_campaign_costs primary key (tenant_id, campaign_id, id)
    )""",
)
"""What the migration executes."""

# ruff: noqa: S608 - own names
_CAMPAIGN = "id, seq, name, channel, starts_on, ends_on, budget_minor, budget_currency, created_at"
PAGE = f"""
select {_CAMPAIGN} from campaigns
where tenant_id = $1 and ($2::uuid is null or id < $2) order by id desc limit $3
"""
ONE = f"select {_CAMPAIGN} from campaigns where tenant_id = $1 and id = $2"
LOCK = f"{ONE} for update"
INSERT = """
insert into campaigns (tenant_id, id, seq, name, channel, starts_on, ends_on, budget_minor, budget_currency,
                       created_at)
values ($1, $2, 1, $3, $4, $5, $6, $7, $8, $9)
on conflict (tenant_id, name) do nothing returning id
"""
UPDATE = """
update campaigns set channel = $3, starts_on = $4, ends_on = $5, budget_minor = $6, budget_currency = $7
where tenant_id = $1 and id = $2
"""

_COST = "id, day, amount_minor, amount_currency, amount_tenant_minor, note, by_id, recorded_at"
COSTS = f"""
select {_COST} from campaign_costs
where tenant_id = $1 and campaign_id = $2 and ($3::uuid is null or id < $3) order by id desc limit $4
"""
INSERT_COST = f"""
insert into campaign_costs (tenant_id, campaign_id, {_COST}) values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
"""
DELETE_COST = """
delete from campaign_costs where tenant_id = $1 and campaign_id = $2 and id = $3 returning true
"""
SPENT = """
select coalesce(sum(amount_tenant_minor), 0)::bigint from campaign_costs
where tenant_id = $1 and campaign_id = $2
"""
# What was merged counts as a part of what it was merged into.
RESULTS = """
select count(*) as leads,
  count(*) filter (where q.yes = $3) as qualified,
  count(*) filter (where l.status = 'open') as open,
  count(*) filter (where l.status = 'won') as won,
  count(*) filter (where l.status = 'lost') as lost,
  coalesce(sum(l.value_tenant_minor) filter (where l.status = 'won'), 0)::bigint as won_value
from leads l
cross join lateral (
  select count(*) as yes from qualifications q
  where q.tenant_id = l.tenant_id and q.lead_id = l.id and q.answer = 'yes') q
where l.tenant_id = $1 and l.campaign = $2 and l.merged_into is null
"""
