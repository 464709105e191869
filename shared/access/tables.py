"""The directory: people, units and rates as cox.org tells them, the same tables in each consuming service."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Date,
    DateTime,
    Index,
    Integer,
    Numeric,
    PrimaryKeyConstraint,
    Table,
    Text,
    Uuid,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

from shared.database.tables import metadata_for

metadata = metadata_for("access")

org_tenants = Table(
    "org_tenants",
    metadata,
    Column("tenant_id", Uuid, nullable=False),
    Column("name", Text, nullable=False),
    Column("timezone", Text, nullable=False),
    Column("currency", Text, nullable=False),
    PrimaryKeyConstraint("tenant_id"),
)

org_versions = Table(
    "org_versions",
    metadata,
    Column("tenant_id", Uuid, nullable=False),
    Column("seq", BigInteger, nullable=False),
    PrimaryKeyConstraint("tenant_id"),
)
"""The `org_version` that this directory stands at, per tenant."""

org_units = Table(
    "org_units",
    metadata,
    Column("tenant_id", Uuid, nullable=False),
    Column("id", Uuid, nullable=False),
    Column("parent_id", Uuid),
    Column("kind", Text, nullable=False),
    Column("code", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("active", Boolean, nullable=False),
    Column("path", ARRAY(Uuid), nullable=False),
    Column("region", Text),
    Column("calendar_id", Uuid),
    PrimaryKeyConstraint("tenant_id", "id"),
)
"""`path`: unit ids from the root to the unit itself; `region`: code of the nearest region at or above.
`calendar_id` is the unit's own; without one that of the nearest unit above counts.
"""

org_closure = Table(
    "org_closure",
    metadata,
    Column("tenant_id", Uuid, nullable=False),
    Column("ancestor_id", Uuid, nullable=False),
    Column("descendant_id", Uuid, nullable=False),
    Column("depth", Integer, nullable=False),
    PrimaryKeyConstraint("tenant_id", "ancestor_id", "descendant_id"),
    Index("ix_org_closure_tenant_id_descendant_id", "tenant_id", "descendant_id"),
)
"""Every unit with every unit at or below it; `depth` 0 is the unit itself."""

org_users = Table(
    "org_users",
    metadata,
    Column("tenant_id", Uuid, nullable=False),
    Column("id", Uuid, nullable=False),
    Column("display_name", Text, nullable=False),
    Column("code", Text, nullable=False),
    Column("unit_id", Uuid, nullable=False),
    Column("roles", ARRAY(Text), nullable=False),
    Column("visibility", Text, nullable=False),
    Column("is_rep", Boolean, nullable=False),
    Column("active", Boolean, nullable=False),
    PrimaryKeyConstraint("tenant_id", "id"),
    Index("ix_org_users_tenant_id_code", "tenant_id", "code"),
    Index("ix_org_users_tenant_id_display_name", "tenant_id", "display_name"),
    Index("ix_org_users_tenant_id_unit_id", "tenant_id", "unit_id"),
)

org_memberships = Table(
    "org_memberships",
    metadata,
    Column("tenant_id", Uuid, nullable=False),
    Column("user_id", Uuid, nullable=False),
    Column("from_at", DateTime(timezone=True), nullable=False),
    Column("unit_id", Uuid, nullable=False),
    PrimaryKeyConstraint("tenant_id", "user_id", "from_at"),
)
"""From when on a person belongs to which unit; the first row begins at -infinity."""

org_principals = Table(
    "org_principals",
    metadata,
    Column("tenant_id", Uuid, nullable=False),
    Column("id", Uuid, nullable=False),
    Column("changed_seq", BigInteger, nullable=False),
    Column("revoked", Boolean, nullable=False),
    PrimaryKeyConstraint("tenant_id", "id"),
)
"""Tokens of a principal with an `org_version` below `changed_seq` are refused; with `revoked` all are."""

org_rates = Table(
    "org_rates",
    metadata,
    Column("tenant_id", Uuid, nullable=False),
    Column("currency", Text, nullable=False),
    Column("valid_on", Date, nullable=False),
    Column("rate", Numeric, nullable=False),
    PrimaryKeyConstraint("tenant_id", "currency", "valid_on"),
)
"""One unit of `currency` costs `rate` of the tenant's currency on `valid_on`."""

org_calendars = Table(
    "org_calendars",
    metadata,
    Column("tenant_id", Uuid, nullable=False),
    Column("id", Uuid, nullable=False),
    Column("name", Text, nullable=False),
    Column("timezone", Text, nullable=False),
    Column("week", JSONB, nullable=False),
    Column("days_off", ARRAY(Date), nullable=False),
    Column("worked_days", JSONB, nullable=False),
    Column("active", Boolean, nullable=False),
    PrimaryKeyConstraint("tenant_id", "id"),
)
"""`week` and `worked_days` as in the event `calendar_defined`."""

org_profiles = Table(
    "org_profiles",
    metadata,
    Column("tenant_id", Uuid, nullable=False),
    Column("user_id", Uuid, nullable=False),
    Column("level", Text),
    Column("capacity", Integer),
    Column("skills", ARRAY(Text), nullable=False),
    Column("languages", ARRAY(Text), nullable=False),
    Column("territories", ARRAY(Text), nullable=False),
    Column("timezone", Text),
    Column("calendar_id", Uuid),
    PrimaryKeyConstraint("tenant_id", "user_id"),
)
"""Of those users who were given one. `capacity` is the most open leads, null: as many as one likes."""

org_absences = Table(
    "org_absences",
    metadata,
    Column("tenant_id", Uuid, nullable=False),
    Column("id", Uuid, nullable=False),
    Column("user_id", Uuid, nullable=False),
    Column("from_at", DateTime(timezone=True), nullable=False),
    Column("to_at", DateTime(timezone=True), nullable=False),
    PrimaryKeyConstraint("tenant_id", "id"),
    Index("ix_org_absences_tenant_id_user_id_to_at", "tenant_id", "user_id", "to_at"),
)
"""Half-open intervals, past ones too; what is withdrawn is gone."""
