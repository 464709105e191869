"""The answers kept for repeated requests: one table, the same in every service's database."""

from __future__ import annotations

from sqlalchemy import (
    Column,
    DateTime,
    Index,
    LargeBinary,
    PrimaryKeyConstraint,
    SmallInteger,
    Table,
    Text,
    Uuid,
    func,
    text,
)

from shared.database.tables import metadata_for

metadata = metadata_for("web")

idempotency_keys = Table(
    "idempotency_keys",
    metadata,
    Column("tenant_id", Uuid, nullable=False),
    Column("principal_id", Uuid, nullable=False),
    Column("method", Text, nullable=False),
    Column("path", Text, nullable=False),
    Column("key", Text, nullable=False),
    Column("body_sha256", LargeBinary, nullable=False),
    Column("created_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
    Column("status", SmallInteger),
    Column("headers", Text),
    Column("answer", LargeBinary),
    Column("resource_id", Uuid),
    PrimaryKeyConstraint("tenant_id", "principal_id", "method", "path", "key"),
    Index("ix_idempotency_keys_created_at", "created_at"),
    Index(
        "ix_idempotency_keys_tenant_id_resource_id",
        "tenant_id",
        "resource_id",
        postgresql_where=text("resource_id is not null"),
    ),
)
"""A row is seen by others only when its effect is done: both commit together. `answer` is null where it
would have held a secret."""
