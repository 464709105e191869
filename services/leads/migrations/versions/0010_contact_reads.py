"""Who was shown whose contact data, and when.

Revision ID: 0010
"""

from __future__ import annotations

from alembic import op

from shared.database.rls import append_only, run, search_function, search_policy, tenant_policy

revision = "0010"
down_revision = "0009"

_TABLE = (
    """create table contact_reads (
        tenant_id uuid not null,
        at timestamp with time zone not null,
        id uuid not null,
        user_id uuid,
        principal_id uuid not null,
        kind text not null,
        route text not null,
        address text,
        trace_id text,
        lead_ids uuid[] not null,
        constraint pk_contact_reads primary key (tenant_id, at, id)
    ) partition by range (at)""",
    "create index ix_contact_reads_lead_ids on contact_reads using gin (lead_ids)",
    "create table contact_reads_default partition of contact_reads default",
    "revoke all on contact_reads_default from cox_app, cox_worker",
    # Run by the worker, which may not create tables: hence `security definer`.
    """create function cox_ensure_contact_reads_partition(month date) returns boolean
    language plpgsql security definer set search_path = public, pg_temp as $$
    declare
      first timestamptz := date_trunc('month', month) at time zone 'UTC';
      behind timestamptz := (date_trunc('month', month) + interval '1 month') at time zone 'UTC';
      leaf text := 'contact_reads_' || to_char(month, 'YYYYMM');
    begin
      perform pg_advisory_xact_lock(7237496, 2);
      if to_regclass(leaf) is not null then
        return false;
      end if;
      execute format('create table %I (like contact_reads including defaults including constraints)', leaf);
      -- What came before the leaf was there lies in the default partition, and would refuse the leaf.
      execute format('with moved as (delete from only contact_reads_default where at >= %L and at < %L
                      returning *) insert into %I select * from moved', first, behind, leaf);
      execute format('alter table contact_reads attach partition %I for values from (%L) to (%L)',
                     leaf, first, behind);
      execute format('revoke all on %I from cox_app, cox_worker', leaf);
      return true;
    end $$""",
    "revoke execute on function cox_ensure_contact_reads_partition(date) from public",
    "grant execute on function cox_ensure_contact_reads_partition(date) to cox_worker",
)
# An operator of arrays is not leakproof: under row-level security it may use no index.
_OF_LEAD = """
create function contact_reads_of(lead uuid, after_at timestamptz, after_id uuid, most integer)
returns table (at timestamptz, id uuid) language sql stable as $body$
  select r.at, r.id from contact_reads r
  where r.tenant_id = cox_tenant() and r.lead_ids @> array[lead]
    and (after_at is null or (r.at, r.id) < (after_at, after_id))
  order by r.at desc, r.id desc limit most
$body$
"""


def upgrade() -> None:
    run(op.execute, _TABLE)
    run(op.execute, tenant_policy("contact_reads"), append_only("contact_reads"))
    run(op.execute, search_policy("contact_reads"), [_OF_LEAD])
    run(op.execute, search_function("contact_reads_of(uuid, timestamptz, uuid, integer)"))
