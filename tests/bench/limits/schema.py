"""The limits' tables: a lead with four indexes, an outbox, and numbers by rep, metric and day."""

from __future__ import annotations

LEADS = """
create table lead (
  id uuid primary key, tenant_id uuid not null, name text not null, company text, phone text not null,
  email text, source text not null, region text, tags text[] not null default '{}',
  stage text not null, owner_id uuid, pool_state text not null, score int not null default 0,
  expected_amount numeric(14, 2), custom jsonb not null default '{}', version int not null default 1,
  last_activity_at timestamptz,
  stage_changed_at timestamptz not null default now(), created_at timestamptz not null default now(),
  updated_at timestamptz not null default now());
create unique index lead_phone on lead (tenant_id, phone);
create index lead_owner on lead (tenant_id, owner_id, stage);
create index lead_pool on lead (tenant_id, pool_state, created_at desc);
create table outbox (
  id bigint generated always as identity primary key, event_id uuid not null default uuidv7(),
  tenant_id uuid not null, aggregate_type text not null, aggregate_id uuid not null, type text not null,
  payload jsonb not null, headers jsonb not null, created_at timestamptz not null default now());
"""

INSERT_LEAD = """insert into lead (id, tenant_id, name, company, phone, email, source, region, tags, stage,
  owner_id, pool_state, expected_amount, custom, created_at, updated_at)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $15)"""

INSERT_OUTBOX = """insert into outbox (tenant_id, aggregate_type, aggregate_id, type, payload, headers)
values ($1, 'lead', $2, 'lead.created', $3, $4)"""

HEADERS = '{"trace": "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", "schema": "1"}'

WAKE = """
create function wake() returns trigger language plpgsql as $$
begin perform pg_notify('outbox', ''); return null; end $$;
create trigger wake after insert on outbox for each statement execute function wake();
"""

KPIS = """
create table inbox (event_id uuid primary key, at timestamptz not null default now());
create table kpi (rep int not null, metric text not null, period date not null, value numeric not null,
  primary key (rep, metric, period));
"""

APPLY = """
with ev as (
  select * from unnest($1::uuid[], $2::int[], $3::text[], $4::date[], $5::numeric[])
    as t(event_id, rep, metric, period, v)),
ins as (insert into inbox (event_id) select event_id from ev on conflict do nothing returning event_id),
agg as (select rep, metric, period, sum(v) as v from ev join ins using (event_id) group by 1, 2, 3)
insert into kpi (rep, metric, period, value) select * from agg order by 1, 2, 3
on conflict (rep, metric, period) do update set value = kpi.value + excluded.value
"""
"""One statement per batch: remember what is new, add up, apply. Takes a column each of ids, reps, metrics,
days, values."""
