"""The backbone's schema, as migrations execute it: `run(op.execute, migrations.V1)` in a service's first one.

A released version never changes; what comes later is a new list here and a new migration in every service.
"""

from __future__ import annotations

from shared.database.rls import append_only, tenant_policy

EVENTS_PER_PARTITION = 5_000_000

_TABLES = (
    """create sequence events_id_seq""",
    """create table consumers (
      name text not null,
      kind text not null,
      generation integer default 1 not null,
      adopts boolean not null,
      registered_at timestamp with time zone default now() not null,
      constraint pk_consumers primary key (name)
    )""",
    """create table dead_letters (
      id bigint generated always as identity,
      consumer text not null,
      event_id uuid not null,
      state text default 'waiting' not null,
      reason text not null,
      attempts integer not null,
      type text,
      tenant_id uuid,
      stream text not null,
      aggregate_id uuid,
      epoch integer,
      seq bigint,
      topic text not null,
      partition integer not null,
      "offset" bigint not null,
      timestamp_ms bigint not null,
      key bytea,
      headers text not null,
      value bytea not null,
      set_aside_at timestamp with time zone default now() not null,
      resolution text,
      resolved_at timestamp with time zone,
      constraint pk_dead_letters primary key (id),
      constraint uq_dead_letters_consumer_event_id unique (consumer, event_id)
    )""",
    """create index ix_dead_letters_open on dead_letters (consumer, state) where resolved_at is null""",
    """create table epochs (
      consumer text not null,
      stream text not null,
      epoch integer not null,
      constraint pk_epochs primary key (consumer, stream)
    )""",
    """create table events (
      id bigint default nextval('events_id_seq') not null,
      tenant_id uuid not null,
      event_id uuid not null,
      type text not null,
      aggregate_type text not null,
      aggregate_id uuid not null,
      seq bigint not null,
      occurred_at timestamp with time zone not null,
      recorded_at timestamp with time zone default now() not null,
      causation_id uuid,
      traceparent text,
      historic boolean not null,
      payload text not null,
      constraint pk_events primary key (id)
    )
     partition by range (id)""",
    """create table offsets (
      consumer text not null,
      stream text not null,
      partition integer not null,
      next bigint not null,
      before_id uuid,
      published_at timestamp with time zone,
      log_end bigint default 0 not null,
      constraint pk_offsets primary key (consumer, stream, partition)
    )
     with (fillfactor = 50)""",
    """create table outbox_pending (
      id bigint not null,
      constraint pk_outbox_pending primary key (id)
    )""",
    """create table parked (
      consumer text not null,
      stream text not null,
      aggregate_id uuid not null,
      epoch integer not null,
      seq bigint not null,
      event_id uuid not null,
      topic text not null,
      partition integer not null,
      "offset" bigint not null,
      timestamp_ms bigint not null,
      headers text not null,
      value bytea not null,
      constraint pk_parked primary key (consumer, stream, aggregate_id, epoch, seq)
    )""",
    """create table positions (
      consumer text not null,
      stream text not null,
      aggregate_id uuid not null,
      tenant_id uuid not null,
      epoch integer not null,
      seq bigint not null,
      event_id uuid,
      dead_seq bigint,
      parked integer not null,
      settling boolean not null,
      constraint pk_positions primary key (consumer, stream, aggregate_id)
    )
     with (fillfactor = 80)""",
    """create table relay_state (
      singleton boolean default true not null,
      epoch integer default 1 not null,
      republish_id uuid,
      republish_state text,
      republish_new_epoch boolean,
      republish_at_id bigint,
      republish_until_id bigint,
      refusal text,
      constraint pk_relay_state primary key (singleton)
    )""",
    """create table streams (
      tenant_id uuid not null,
      aggregate_id uuid not null,
      seq bigint not null,
      constraint pk_streams primary key (tenant_id, aggregate_id)
    )""",
    """create table timer_generations (
      tenant_id uuid not null,
      kind text not null,
      aggregate_id uuid not null,
      generation bigint not null,
      constraint pk_timer_generations primary key (tenant_id, kind, aggregate_id)
    )""",
    """create table timers (
      tenant_id uuid not null,
      id uuid not null,
      kind text not null,
      aggregate_id uuid not null,
      generation bigint not null,
      due_at timestamp with time zone not null,
      fire_at timestamp with time zone not null,
      attempts integer default 0 not null,
      payload text not null,
      constraint pk_timers primary key (tenant_id, id)
    )""",
    """create index ix_timers_fire_at on timers (fire_at)""",
)

_PARTITIONS = (
    "create table events_default partition of events default",
    "create unique index on events_default (aggregate_id, seq)",
    "revoke all on events_default from cox_app, cox_worker",
    # Run by the worker, which may not create tables: hence `security definer`.
    """create function cox_ensure_events_partition(ordinal bigint, size bigint) returns boolean
    language plpgsql security definer set search_path = public, pg_temp as $$
    declare
      leaf text := 'events_p' || lpad(ordinal::text, 6, '0');
      first bigint := ordinal * size;
    begin
      perform pg_advisory_xact_lock(7237496, 1);
      if to_regclass(leaf) is not null then
        return false;
      end if;
      execute format('create table %I (like events including defaults including constraints)', leaf);
      -- What came before the leaf was there lies in the default partition, and would refuse the leaf.
      execute format('with moved as (delete from only events_default where id >= %s and id < %s returning *)
                      insert into %I select * from moved', first, first + size, leaf);
      execute format('alter table %I add primary key (id)', leaf);
      execute format('create unique index on %I (aggregate_id, seq)', leaf);
      execute format('alter table events attach partition %I for values from (%s) to (%s)',
                     leaf, first, first + size);
      execute format('revoke all on %I from cox_app, cox_worker', leaf);
      return true;
    end $$""",
    "revoke execute on function cox_ensure_events_partition(bigint, bigint) from public",
    "grant execute on function cox_ensure_events_partition(bigint, bigint) to cox_worker",
    f"select cox_ensure_events_partition(0, {EVENTS_PER_PARTITION})",
    f"select cox_ensure_events_partition(1, {EVENTS_PER_PARTITION})",
)

_CARE = (
    "insert into relay_state (singleton) values (true)",
    # Rows here live for milliseconds: without frequent vacuum the scan from the bottom walks over the dead.
    """alter table outbox_pending set (autovacuum_vacuum_scale_factor = 0.0,
       autovacuum_vacuum_threshold = 5000,
       autovacuum_vacuum_insert_threshold = -1, autovacuum_vacuum_cost_delay = 0)""",
    "alter table positions set (autovacuum_vacuum_scale_factor = 0.02)",
    "alter table offsets set (autovacuum_vacuum_scale_factor = 0.0, autovacuum_vacuum_threshold = 500)",
)

V1: tuple[str, ...] = (
    *_TABLES,
    *_PARTITIONS,
    *tenant_policy("events"),
    *append_only("events"),
    *tenant_policy("streams"),
    *tenant_policy("timers"),
    *tenant_policy("timer_generations"),
    *_CARE,
)
"""Tables, partitions, row-level security and storage settings of the first release."""
SENT_BEFORE: tuple[str, ...] = (
    "alter table outbox_pending add column again boolean not null default false",
    "alter table positions add column met bigint",
)
"""What makes known which events a restored database takes for unsent, and how far reactions were before."""
