"""The schema of `tables`: `run(op.execute, migrations.V1)` in a service's first migration.

A released version never changes; what comes later is a new list here and a new migration in every service.
"""

from __future__ import annotations

from shared.database.rls import tenant_policy

V1: tuple[str, ...] = (
    """create table idempotency_keys (
      tenant_id uuid not null,
      principal_id uuid not null,
      method text not null,
      path text not null,
      key text not null,
      body_sha256 bytea not null,
      created_at timestamp with time zone default now() not null,
      status smallint,
      headers text,
      answer bytea,
      resource_id uuid,
      constraint pk_idempotency_keys primary key (tenant_id, principal_id, method, path, key)
    )""",
    "create index ix_idempotency_keys_created_at on idempotency_keys (created_at)",
    """create index ix_idempotency_keys_tenant_id_resource_id on idempotency_keys (tenant_id, resource_id)
       where resource_id is not null""",
    *tenant_policy("idempotency_keys"),
)
