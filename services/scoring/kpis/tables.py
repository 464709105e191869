"""The engine's tables. Every key begins with the tenant, then the generation that a rebuild fills beside
the live one.

`states` one fold per lead · `facts` append-only, one row per contribution: evidence, and the answer to
filtered questions · `cells` bounded roll-ups · `dimensions` small surrogates of ids and codes ·
`kpi_pointer` the live generation · `kpi_notices` what is to be announced ·
`rep_months` which months of which reps are to be told.
"""

from __future__ import annotations

from sqlalchemy import (
    ARRAY,
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Date,
    DateTime,
    Identity,
    Index,
    Integer,
    PrimaryKeyConstraint,
    SmallInteger,
    Table,
    Text,
    UniqueConstraint,
    Uuid,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB

from services.scoring.kpis.catalogue import SLOTS_PER_FAMILY
from services.scoring.metadata import metadata

CONSUMER = "scoring.kpis"
"""The consumer under which events become numbers; its registered generation is the live one."""

SLOT_NAMES = tuple(f"s{index}" for index in range(SLOTS_PER_FAMILY))

dimensions = Table(
    "dimensions",
    metadata,
    Column("tenant_id", Uuid, nullable=False),
    Column("id", Integer, Identity(always=True), nullable=False),
    Column("kind", SmallInteger, nullable=False),
    Column("key", Text, nullable=False),
    PrimaryKeyConstraint("tenant_id", "id"),
    UniqueConstraint("tenant_id", "kind", "key"),
)

states = Table(
    "states",
    metadata,
    Column("tenant_id", Uuid, nullable=False),
    Column("generation", Integer, nullable=False),
    Column("entity", Uuid, nullable=False),
    Column("state", JSONB),
    PrimaryKeyConstraint("tenant_id", "generation", "entity"),
    postgresql_with={"fillfactor": "80"},
)

facts = Table(
    "facts",
    metadata,
    Column("tenant_id", Uuid, nullable=False),
    Column("generation", Integer, nullable=False),
    Column("measure", SmallInteger, nullable=False),
    Column("team", Integer, nullable=False),
    Column("day", Date, nullable=False),
    Column("id", BigInteger, Identity(always=True), nullable=False),
    Column("rep", Integer, nullable=False),
    Column("region", Integer, nullable=False),
    Column("product", Integer, nullable=False),
    Column("channel", Integer, nullable=False),
    Column("n", SmallInteger, nullable=False),
    Column("v", BigInteger, nullable=False),
    Column("aggregate_id", Uuid, nullable=False),
    Column("seq", BigInteger, nullable=False),
    Column("event_id", Uuid, nullable=False),
    Column("at_us", BigInteger, nullable=False),
    # The one index: it finds, it covers every sum, and it is the key.
    PrimaryKeyConstraint(
        "tenant_id",
        "generation",
        "measure",
        "team",
        "day",
        "id",
        postgresql_include=["rep", "region", "product", "channel", "n", "v"],
    ),
    CheckConstraint("n in (-1, 1)", name="sign"),
    postgresql_with={"autovacuum_vacuum_insert_scale_factor": "0.02"},
)

cells = Table(
    "cells",
    metadata,
    Column("tenant_id", Uuid, nullable=False),
    Column("generation", Integer, nullable=False),
    Column("view", SmallInteger, nullable=False),
    Column("grain", SmallInteger, nullable=False),
    Column("period", Date, nullable=False),
    Column("key", Integer, nullable=False),
    Column("team", Integer, nullable=False),
    Column("family", SmallInteger, nullable=False),
    *(Column(name, BigInteger, nullable=False, server_default=text("0")) for name in SLOT_NAMES),
    PrimaryKeyConstraint("tenant_id", "generation", "view", "grain", "period", "key", "team", "family"),
    postgresql_with={"fillfactor": "75", "autovacuum_vacuum_scale_factor": "0.02"},
)

kpi_notices = Table(
    "kpi_notices",
    metadata,
    Column("tenant_id", Uuid, nullable=False),
    Column("rep", Integer, nullable=False),
    Column("measures", BigInteger, nullable=False),
    Column("days", ARRAY(Date), nullable=False),
    Column("due", Boolean, nullable=False),
    Column("sent_at", DateTime(timezone=True), nullable=False),
    PrimaryKeyConstraint("tenant_id", "rep"),
)
rep_months = Table(
    "rep_months",
    metadata,
    Column("tenant_id", Uuid, nullable=False),
    Column("rep", Integer, nullable=False),
    Column("month", Date, nullable=False),
    Column("due", Boolean, nullable=False),
    Column("sent_at", DateTime(timezone=True), nullable=False),
    PrimaryKeyConstraint("tenant_id", "rep", "month"),
)
Index("ix_rep_months_due", rep_months.c.sent_at, postgresql_where=rep_months.c.due)
Index("ix_kpi_notices_due", kpi_notices.c.sent_at, postgresql_where=kpi_notices.c.due)
