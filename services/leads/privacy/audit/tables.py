"""A row for each event of a lead that was there before, with who caused it and from where."""

from __future__ import annotations

from collections.abc import Iterable
from uuid import UUID

from sqlalchemy import BigInteger, Column, DateTime, Index, Table, Text, Uuid, text
from sqlalchemy.dialects.postgresql import JSONB

from services.leads.metadata import metadata
from shared.database.literals import json_literal, literal
from shared.database.transactions import Author, Told
from shared.ids import new_id

audit_entries = Table(
    "audit_entries",
    metadata,
    Column("tenant_id", Uuid, primary_key=True),
    Column("lead_id", Uuid, primary_key=True),
    Column("seq", BigInteger, primary_key=True),
    Column("id", Uuid, nullable=False),
    Column("at", DateTime(timezone=True), nullable=False),
    Column("event", Text, nullable=False),
    # What the event says but for credit and dimensions: ids, codes and amounts, as in every event.
    Column("facts", JSONB, nullable=False),
    Column("kind", Text, nullable=False),
    # The user, key or rule; null: the service by itself.
    Column("principal_id", Uuid),
    # The person; the owner of an API key.
    Column("user_id", Uuid),
    Column("route", Text),
    Column("address", Text),
    Column("trace_id", Text),
    Column("cause_id", Uuid),
    Index("ix_audit_entries_tenant_id_at_id", "tenant_id", "at", "id"),
    Index(
        "ix_audit_entries_tenant_id_user_id_at_id",
        "tenant_id",
        "user_id",
        "at",
        "id",
        postgresql_where=text("user_id is not null"),
    ),
)
_ITSELF = Author("service", None)
_COLUMNS = ", ".join(column.name for column in audit_entries.columns)


def insertion(tenant_id: UUID, told: Iterable[Told], trace_id: str | None) -> str:
    """The statement that writes events down; it has no parameters."""
    rows = ", ".join(_row(tenant_id, one, trace_id) for one in told)
    return f"insert into audit_entries ({_COLUMNS}) values {rows}"  # noqa: S608 - `literal` quotes


def _row(tenant_id: UUID, one: Told, trace_id: str | None) -> str:
    facts = one.event.model_dump(mode="json", exclude={"credit", "dimensions"}, exclude_none=True)
    by = one.author or _ITSELF
    values = (
        literal(tenant_id),
        literal(one.aggregate_id),
        str(one.seq),
        literal(new_id()),
        literal(by.at or one.occurred_at),
        literal(one.event.type_name()),
        json_literal(facts),
        literal(by.kind),
        literal(by.principal_id),
        literal(by.user_id),
        literal(by.route),
        literal(by.address),
        literal(trace_id),
        literal(one.cause_id),
    )
    return f"({', '.join(values)})"


_SHOWN = ", ".join(f"a.{column.name}" for column in audit_entries.columns if column.name != "tenant_id")
_FOUND = f"""
select {_SHOWN} from audit_entries a join leads l on l.tenant_id = a.tenant_id and l.id = a.lead_id
where a.tenant_id = $1 and {{which}}
  and ($3::uuid is null or a.user_id = $3) and ($4::timestamptz is null or a.at >= $4)
  and ($5::timestamptz is null or a.at < $5) and ($6::timestamptz is null or (a.at, a.id) < ($6, $7::uuid))
order by a.at desc, a.id desc limit $8
"""  # noqa: S608 - own names
# Row-level security of leads holds who sees whose: the join leaves no other.
OF_LEAD = _FOUND.format(which="a.lead_id = $2")
OF_TENANT = _FOUND.format(which="$2::uuid is null")
OF_USER = _FOUND.format(which="$2::uuid is null and a.user_id is not null")
VALUES = """
select c.lead_id, c.seq, c.changed, c.plain, c.sealed
from unnest($2::uuid[], $3::bigint[]) as r(lead_id, seq)
join lead_changes c on c.tenant_id = $1 and c.lead_id = r.lead_id and c.seq = r.seq
"""
SEALED = """
select lead_id, sealed from lead_changes
where tenant_id = $1 and lead_id = any($2::uuid[]) and sealed is not null order by lead_id, seq
"""
