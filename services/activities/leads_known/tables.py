"""The projection of leads: one row per lead, as far as activities need it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import Column, Table, Text, Uuid, select

from services.activities.leads_known.rules import KnownLead
from services.activities.metadata import metadata
from shared.access.visibility import visible
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
)


_NAMES = ("tenant_id", *KnownLead.__slots__)
_UPSERT = f"""insert into known_leads ({", ".join(_NAMES)})
    select * from unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::uuid[], $5::uuid[], $6::text[], $7::text[],
    $8::text[])
        r({", ".join(_NAMES)}) order by 1, 2
    on conflict (tenant_id, lead_id) do update set
    {", ".join(f"{name} = excluded.{name}" for name in _NAMES[2:])}"""  # noqa: S608 - our own columns

_SELECT = f"""select {", ".join("k." + name for name in _NAMES)}
    from unnest($1::uuid[], $2::uuid[]) r(tenant_id, lead_id)
    join known_leads k using (tenant_id, lead_id)"""  # noqa: S608 - our own columns


async def load_known(tx: Tx, lead_ids: Sequence[UUID]) -> dict[UUID, KnownLead]:
    """The known ones of these leads; under the app's role only those that the caller may see."""
    assert tx.access is not None  # noqa: S101 - nobody reads without saying who asks
    k = known_leads.c
    columns = [k[name] for name in KnownLead.__slots__]
    query = select(*columns).where(visible(known_leads, tx.access), k.lead_id.in_(lead_ids))
    rows = await tx.conn.execute(query)
    return {row[0]: KnownLead(*row) for row in rows}


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
