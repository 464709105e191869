"""The least that could take in many leads: COPY to a staging table, one merge without repeats."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any, TypeAlias

import asyncpg

from shared.ids import new_id
from tests.bench.limits.schema import LEADS

Connection: TypeAlias = "asyncpg.Connection[asyncpg.Record]"

COLUMNS = (
    "id", "tenant_id", "name", "company", "phone", "email", "source", "region", "tags", "stage", "owner_id",
    "pool_state", "score", "custom",
)  # fmt: skip
_LISTED = ", ".join(COLUMNS)
_MERGE = f"""
with n as (
  insert into lead ({_LISTED}) select * from staged on conflict (tenant_id, phone) do nothing returning *)
insert into outbox (tenant_id, aggregate_type, aggregate_id, type, payload, headers)
select tenant_id, 'lead', id, 'lead.created', jsonb_build_object('id', id, 'name', name, 'company', company,
  'phone', phone, 'email', email, 'source', source, 'region', region, 'stage', stage, 'owner_id', owner_id,
  'custom', custom), '{{"schema": "1"}}' from n
"""  # noqa: S608 - constant names


async def prepare(connection: Connection) -> None:
    """Empty tables."""
    await connection.execute("drop table if exists lead, outbox, staged")
    await connection.execute(LEADS)
    await connection.execute(f"create unlogged table staged as select {_LISTED} from lead")  # noqa: S608 - as above


async def load(connection: Connection, count: int) -> float:
    """Rows per second; making the rows is not counted, encoding them is."""
    rows = list(_rows(count))
    began = time.perf_counter()
    async with connection.transaction():
        await connection.copy_records_to_table("staged", records=rows, columns=COLUMNS)
        await connection.execute(_MERGE)
    return count / (time.perf_counter() - began)


def _rows(count: int) -> Iterator[tuple[Any, ...]]:
    tenant, owners = new_id(), [new_id() for _ in range(50)]
    for number in range(count):
        yield (
            new_id(), tenant, f"Lead number {number}", f"Company {number % 5000}",
            f"+7{9_000_000_000 + number}", f"lead{number}@example.com", "web", "north", ["a", "hot"], "new",
            owners[number % 50], "owned",
            number % 100, '{"industry": "steel", "employees": 120}',
        )  # fmt: skip
