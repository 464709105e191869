"""The tenants. The row is taken first by whoever changes the tenant's organisation."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    Date,
    DateTime,
    Table,
    Text,
    Uuid,
    insert,
    select,
    update,
)

from services.gateway.metadata import metadata
from services.gateway.tenancy.rules import Tenant
from services.gateway.tenancy.scope import tenant_of
from shared.database.transactions import Tx

tenants = Table(
    "tenants",
    metadata,
    Column("tenant_id", Uuid, primary_key=True),
    Column("id", Uuid, primary_key=True),
    Column("seq", BigInteger, nullable=False),
    Column("name", Text, nullable=False, unique=True),
    Column("timezone", Text, nullable=False),
    Column("currency", Text, nullable=False),
    Column("created_at", DateTime(timezone=True), nullable=False),
    Column("closed_through", Date),
    CheckConstraint("id = tenant_id", name="own_tenant"),
)


async def load(tx: Tx, *, lock: bool) -> Tenant | None:
    """The transaction's tenant; `lock` keeps every other org change out until the end."""
    query = select(tenants).where(tenants.c.tenant_id == tenant_of(tx))
    row = (await tx.conn.execute(query.with_for_update() if lock else query)).one_or_none()
    if row is None:
        return None
    return Tenant(row.id, row.name, row.timezone, row.currency, row.seq, row.closed_through)


async def find_by_name(tx: Tx, name: str) -> UUID | None:
    """The tenant of a name; only the worker's role sees tenants other than the transaction's."""
    found: UUID | None = await tx.conn.scalar(select(tenants.c.id).where(tenants.c.name == name))
    return found


async def store_new(tx: Tx, tenant: Tenant, created_at: datetime) -> None:
    """Raises SQLAlchemy's IntegrityError where the name is in use."""
    await tx.conn.execute(
        insert(tenants).values(
            tenant_id=tenant.id,
            id=tenant.id,
            seq=tenant.version,
            name=tenant.name,
            timezone=tenant.timezone,
            currency=tenant.currency,
            created_at=created_at,
        )
    )


async def store_changed(tx: Tx, tenant: Tenant) -> None:
    """Raises SQLAlchemy's IntegrityError where the name is in use."""
    values = {"name": tenant.name, "closed_through": tenant.closed_through}
    await tx.conn.execute(update(tenants).where(tenants.c.tenant_id == tenant.id).values(values))
