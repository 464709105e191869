"""The projection of leads: one row per lead, as far as activities need it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import Boolean, Column, Index, Table, Text, Uuid, or_, select, text

from services.activities.leads_known.rules import KnownLead
from services.activities.metadata import metadata
from shared.access.visibility import visible
from shared.database.rls import search_function, search_policy, sees_end
from shared.database.rls import visible as visible_in_sql
from shared.database.transactions import Tx

known_leads = Table(
    "known_leads",
    metadata,
    Column("tenant_id", Uuid, primary_key=True),
    Column("lead_id", Uuid, primary_key=True),
    Column("owner_id", Uuid),
    Column("team_id", Uuid),
    Column("created_by", Uuid),
    Column("region", Text),
    Column("product", Text),
    Column("channel", Text),
    Column("merged_into", Uuid),
    # Whose it was when it was merged: what they did for it they may still record.
    Column("former_owner_id", Uuid),
    Column("erased", Boolean, nullable=False, server_default=text("false")),
    Index(
        "ix_known_leads_tenant_id_merged_into",
        "tenant_id",
        "merged_into",
        postgresql_where=text("merged_into is not null"),
    ),
)

_ABOVE = """
create function known_above(wanted uuid) returns table (id uuid, owner uuid) language sql stable as $body$
  with recursive above as (
    select k.merged_into as id, 1 as depth from known_leads k
    where k.tenant_id = cox_tenant() and k.lead_id = wanted and k.merged_into is not null
    union all
    select k.merged_into, depth + 1 from above a
    join known_leads k on k.tenant_id = cox_tenant() and k.lead_id = a.id
    where k.merged_into is not null and depth < 64)
  select a.id, k.owner_id from above a
  left join known_leads k on k.tenant_id = cox_tenant() and k.lead_id = a.id order by depth
$body$
"""
_BELOW = """
create function known_below(wanted uuid) returns setof uuid language sql stable as $body$
  with recursive below as (
    select wanted as id
    union
    select k.lead_id from below b
    join known_leads k on k.tenant_id = cox_tenant() and k.merged_into = b.id)
  select id from below
$body$
"""
V3: tuple[str, ...] = (
    "alter table known_leads add column merged_into uuid, add column former_owner_id uuid",
    """create index ix_known_leads_tenant_id_merged_into on known_leads (tenant_id, merged_into)
        where merged_into is not null""",
    *search_policy("known_leads"),
    # A lead that was merged is seen by those who see the one that it is a part of.
    sees_end("sees_known", "known_leads", "lead_id", "merged_into"),
    _ABOVE,
    _BELOW,
    *(
        statement
        for name in ("sees_known(uuid)", "known_above(uuid)", "known_below(uuid)")
        for statement in search_function(name)
    ),
    f"""alter policy app_visible on known_leads using (tenant_id = cox_tenant()
      and ({visible_in_sql("owner_id", "team_id", "created_by")}
           or (merged_into is not null
               and (former_owner_id = cox_user() or sees_known(merged_into)))))""",
)
"""What the third migration executes."""


_NAMES = ("tenant_id", *KnownLead.__slots__)
_UPSERT = f"""insert into known_leads ({", ".join(_NAMES)})
    select * from unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::uuid[], $5::uuid[], $6::text[], $7::text[],
    $8::text[], $9::uuid[], $10::uuid[], $11::boolean[])
        r({", ".join(_NAMES)}) order by 1, 2
    on conflict (tenant_id, lead_id) do update set
    {", ".join(f"{name} = excluded.{name}" for name in _NAMES[2:])}"""  # noqa: S608 - our own columns

_SELECT = f"""select {", ".join("k." + name for name in _NAMES)}
    from unnest($1::uuid[], $2::uuid[]) r(tenant_id, lead_id)
    join known_leads k using (tenant_id, lead_id)"""  # noqa: S608 - our own columns


async def load_known(tx: Tx, lead_ids: Sequence[UUID], *, locked: bool = False) -> dict[UUID, KnownLead]:
    """The known ones of these leads; under the app's role only those that the caller may see.

    `locked`: nothing more is learnt of them until the transaction ends.
    """
    assert tx.access is not None  # noqa: S101 - nobody reads without saying who asks
    k = known_leads.c
    columns = [k[name] for name in KnownLead.__slots__]
    # What was merged is a matter of the table's policy alone.
    seen = or_(visible(known_leads, tx.access), k.merged_into.is_not(None))
    query = select(*columns).where(k.tenant_id == tx.access.tenant_id, seen, k.lead_id.in_(lead_ids))
    rows = await tx.conn.execute(query.with_for_update(read=True) if locked else query)
    return {row[0]: KnownLead(*row) for row in rows}


async def load_above(tx: Tx, lead_id: UUID) -> list[tuple[UUID, UUID | None]]:
    """The leads that a merged one is a part of, the nearest first, each with its owner."""
    rows = await tx.connection.fetch("select id, owner from known_above($1)", lead_id)
    return [(row["id"], row["owner"]) for row in rows]


async def load_below(tx: Tx, lead_id: UUID) -> list[UUID]:
    """The lead, and all that are parts of it."""
    return [row["id"] for row in await tx.connection.fetch("select known_below($1) as id", lead_id)]


async def load_any(tx: Tx, keys: Sequence[tuple[UUID, UUID]]) -> dict[tuple[UUID, UUID], KnownLead]:
    """For the projection: the known ones of these (tenant, lead), whoever's they are."""
    rows = await tx.connection.fetch(_SELECT, [key[0] for key in keys], [key[1] for key in keys])
    return {(row[0], row[1]): KnownLead(*tuple(row)[1:]) for row in rows}


async def store_known(tx: Tx, rows: Sequence[tuple[UUID, KnownLead]]) -> None:
    """Insert or replace (tenant, lead), any number by one statement."""
    if rows:
        tenants: list[Any] = [tenant for tenant, _ in rows]
        columns = [[getattr(lead, name) for _, lead in rows] for name in KnownLead.__slots__]
        await tx.connection.execute(_UPSERT, tenants, *columns)
