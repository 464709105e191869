"""The backbone's tables, the same in every service's database. `migrations.py` makes them."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    DateTime,
    Identity,
    Index,
    Integer,
    LargeBinary,
    PrimaryKeyConstraint,
    Sequence,
    Table,
    Text,
    UniqueConstraint,
    Uuid,
    func,
    text,
)

from shared.database.tables import metadata_for

metadata = metadata_for("events")

events_id_seq = Sequence("events_id_seq", metadata=metadata)

events = Table(
    "events",
    metadata,
    Column("id", BigInteger, primary_key=True, server_default=events_id_seq.next_value()),
    Column("tenant_id", Uuid, nullable=False),
    Column("event_id", Uuid, nullable=False),
    Column("type", Text, nullable=False),
    Column("aggregate_type", Text, nullable=False),
    Column("aggregate_id", Uuid, nullable=False),
    Column("seq", BigInteger, nullable=False),
    Column("occurred_at", DateTime(timezone=True), nullable=False),
    Column("recorded_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
    Column("causation_id", Uuid),
    Column("traceparent", Text),
    Column("historic", Boolean, nullable=False),
    Column("payload", Text, nullable=False),
    postgresql_partition_by="RANGE (id)",
)
"""The journal: append-only, kept for ever. Leaves have a unique index on (aggregate_id, seq)."""

outbox_pending = Table(
    "outbox_pending",
    metadata,
    Column("id", BigInteger, primary_key=True, autoincrement=False),
    Column("again", Boolean, nullable=False, server_default=text("false")),
)
"""Ids of events not yet acknowledged by Kafka. `again`: the log of the epoch before held it, so the database
was restored to before it was acknowledged."""

streams = Table(
    "streams",
    metadata,
    Column("tenant_id", Uuid, nullable=False),
    Column("aggregate_id", Uuid, nullable=False),
    Column("seq", BigInteger, nullable=False),
    PrimaryKeyConstraint("tenant_id", "aggregate_id"),
)
"""The seq of facts that have no table of their own."""

relay_state = Table(
    "relay_state",
    metadata,
    Column("singleton", Boolean, primary_key=True, server_default=text("true")),
    Column("epoch", Integer, nullable=False, server_default=text("1")),
    Column("republish_id", Uuid),
    Column("republish_state", Text),
    Column("republish_new_epoch", Boolean),
    Column("republish_at_id", BigInteger),
    Column("republish_until_id", BigInteger),
    Column("refusal", Text),
)
"""One row: the producer's epoch, a republish under way, and why the leader refuses to publish, if it does."""

consumers = Table(
    "consumers",
    metadata,
    Column("name", Text, primary_key=True),
    Column("kind", Text, nullable=False),
    Column("generation", Integer, nullable=False, server_default=text("1")),
    Column("adopts", Boolean, nullable=False),
    Column("registered_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
)
"""Who consumes here. `generation` is the live one; `adopts`: it began at the log's end, so an aggregate's
first event that it meets may have any seq."""

epochs = Table(
    "epochs",
    metadata,
    Column("consumer", Text, nullable=False),
    Column("stream", Text, nullable=False),
    Column("epoch", Integer, nullable=False),
    PrimaryKeyConstraint("consumer", "stream"),
)
"""The epoch of a stream that a projection is built from; absent means 1."""

offsets = Table(
    "offsets",
    metadata,
    Column("consumer", Text, nullable=False),
    Column("stream", Text, nullable=False),
    Column("partition", Integer, nullable=False),
    Column("next", BigInteger, nullable=False),
    Column("before_id", Uuid),
    Column("published_at", DateTime(timezone=True)),
    Column("log_end", BigInteger, nullable=False, server_default=text("0")),
    PrimaryKeyConstraint("consumer", "stream", "partition"),
    postgresql_with={"fillfactor": "50"},
)
"""Where a consumer goes on, the id of the record before, that record's publish time, and the log's end seen
then.
"""

positions = Table(
    "positions",
    metadata,
    Column("consumer", Text, nullable=False),
    Column("stream", Text, nullable=False),
    Column("aggregate_id", Uuid, nullable=False),
    Column("tenant_id", Uuid, nullable=False),
    Column("epoch", Integer, nullable=False),
    Column("seq", BigInteger, nullable=False),
    Column("event_id", Uuid),
    Column("dead_seq", BigInteger),
    Column("parked", Integer, nullable=False),
    Column("settling", Boolean, nullable=False),
    Column("met", BigInteger),
    PrimaryKeyConstraint("consumer", "stream", "aggregate_id"),
    postgresql_with={"fillfactor": "80"},
)
"""The last event that a consumer applied, per aggregate. `dead_seq`: the next one is a dead letter;
`parked`: how many wait behind it or behind a gap; `settling`: a reaction is being told of a new epoch's
past; `met`: how far it was in the epoch before, until it is beyond that."""

parked = Table(
    "parked",
    metadata,
    Column("consumer", Text, nullable=False),
    Column("stream", Text, nullable=False),
    Column("aggregate_id", Uuid, nullable=False),
    Column("epoch", Integer, nullable=False),
    Column("seq", BigInteger, nullable=False),
    Column("event_id", Uuid, nullable=False),
    Column("topic", Text, nullable=False),
    Column("partition", Integer, nullable=False),
    Column("offset", BigInteger, nullable=False),
    Column("timestamp_ms", BigInteger, nullable=False),
    Column("headers", Text, nullable=False),
    Column("value", LargeBinary, nullable=False),
    PrimaryKeyConstraint("consumer", "stream", "aggregate_id", "epoch", "seq"),
)
"""Events that arrived before their predecessor was applied."""

dead_letters = Table(
    "dead_letters",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("consumer", Text, nullable=False),
    Column("event_id", Uuid, nullable=False),
    Column("state", Text, nullable=False, server_default=text("'waiting'")),
    Column("reason", Text, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("type", Text),
    Column("tenant_id", Uuid),
    Column("stream", Text, nullable=False),
    Column("aggregate_id", Uuid),
    Column("epoch", Integer),
    Column("seq", BigInteger),
    Column("topic", Text, nullable=False),
    Column("partition", Integer, nullable=False),
    Column("offset", BigInteger, nullable=False),
    Column("timestamp_ms", BigInteger, nullable=False),
    Column("key", LargeBinary),
    Column("headers", Text, nullable=False),
    Column("value", LargeBinary, nullable=False),
    Column("set_aside_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
    Column("resolution", Text),
    Column("resolved_at", DateTime(timezone=True)),
    UniqueConstraint("consumer", "event_id"),
    Index("ix_dead_letters_open", "consumer", "state", postgresql_where=text("resolved_at is null")),
)
"""Events set aside, with their reason. `state`: waiting, replay or discard (asked for), replayed,
discarded.
"""

timer_generations = Table(
    "timer_generations",
    metadata,
    Column("tenant_id", Uuid, nullable=False),
    Column("kind", Text, nullable=False),
    Column("aggregate_id", Uuid, nullable=False),
    Column("generation", BigInteger, nullable=False),
    PrimaryKeyConstraint("tenant_id", "kind", "aggregate_id"),
)
"""The generation that counts; a timer of an older one is outdated."""

timers = Table(
    "timers",
    metadata,
    Column("tenant_id", Uuid, nullable=False),
    Column("id", Uuid, nullable=False),
    Column("kind", Text, nullable=False),
    Column("aggregate_id", Uuid, nullable=False),
    Column("generation", BigInteger, nullable=False),
    Column("due_at", DateTime(timezone=True), nullable=False),
    Column("fire_at", DateTime(timezone=True), nullable=False),
    Column("attempts", Integer, nullable=False, server_default=text("0")),
    Column("payload", Text, nullable=False),
    PrimaryKeyConstraint("tenant_id", "id"),
    Index("ix_timers_fire_at", "fire_at"),
)
"""What becomes due. `fire_at` is `due_at`, later after each failure."""
