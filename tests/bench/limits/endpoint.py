"""The least that could take a lead: FastAPI, asyncpg, two inserts and a commit; nobody asks who you are.

`python -m tests.bench.limits.endpoint PORT` with BENCH_URL, the database's address.
"""

from __future__ import annotations

import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

import asyncpg
import orjson
import uvicorn
from fastapi import FastAPI, Header, Request
from pydantic import BaseModel, Field

from shared.ids import new_id
from tests.bench.limits.schema import HEADERS, INSERT_LEAD, INSERT_OUTBOX

POOL = 16


class LeadIn(BaseModel):
    name: str = Field(min_length=1, max_length=200)
    company: str | None = None
    phone: str = Field(pattern=r"^\+?[0-9 ()-]{7,24}$")
    email: str | None = Field(default=None, max_length=254)
    source: str
    region: str | None = None
    tags: list[str] = []
    stage: str = "new"
    owner_id: UUID | None = None
    pool_state: str = "owned"
    expected_amount: Decimal | None = None
    custom: dict[str, Any] = {}


class LeadOut(LeadIn):
    id: UUID
    tenant_id: UUID
    version: int
    created_at: datetime


@asynccontextmanager
async def _pool(app: FastAPI) -> AsyncIterator[None]:
    async def prepare(connection: asyncpg.Connection[asyncpg.Record]) -> None:
        await connection.set_type_codec("jsonb", encoder=str, decoder=str, schema="pg_catalog")

    url = os.environ["BENCH_URL"]
    async with asyncpg.create_pool(url, min_size=POOL, max_size=POOL, init=prepare) as pool:
        app.state.pool = pool
        yield


app = FastAPI(lifespan=_pool)


@app.post("/leads", status_code=201, response_model=LeadOut)
async def post_lead(body: LeadIn, request: Request, x_tenant: UUID = Header()) -> LeadOut:
    now = datetime.now(UTC)
    phone = "+" + "".join(character for character in body.phone if character.isdigit())
    values = body.__dict__ | {"phone": phone}
    out = LeadOut.model_construct(**values, id=new_id(), tenant_id=x_tenant, version=1, created_at=now)
    async with request.app.state.pool.acquire() as connection, connection.transaction():
        await connection.execute(
            INSERT_LEAD, out.id, x_tenant, out.name, out.company, out.phone, out.email, out.source,
            out.region, out.tags, out.stage, out.owner_id, out.pool_state, out.expected_amount,
            orjson.dumps(out.custom).decode(), now,
        )  # fmt: skip
        await connection.execute(INSERT_OUTBOX, x_tenant, out.id, out.model_dump_json(), HEADERS)
    return out


if __name__ == "__main__":
    uvicorn.run(
        app, port=int(sys.argv[1]), loop="uvloop", http="httptools", access_log=False, log_level="warning"
    )
