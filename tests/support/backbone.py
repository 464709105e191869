"""A database that holds the backbone and one table of aggregates, and topics of its own, on given servers."""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from uuid import UUID

import asyncpg
from sqlalchemy import BigInteger, Column, MetaData, PrimaryKeyConstraint, Table, Text, Uuid

from shared.contracts.base import Event
from shared.contracts.gateway import ImportFinished, ImportStarted
from shared.database.engine import make_engine
from shared.database.migrate import create_databases_and_roles
from shared.database.rls import PRELUDE, tenant_policy
from shared.database.transactions import Access, Database, Tx
from shared.events import migrations
from shared.events.journal import NewEvent, record_events
from shared.events.kafka import Admin
from shared.events.positions import Position
from shared.ids import new_id
from shared.settings import Settings

if TYPE_CHECKING:
    Connection = asyncpg.Connection[asyncpg.Record]

THINGS = Table(
    "things",
    MetaData(),
    Column("tenant_id", Uuid),
    Column("id", Uuid),
    Column("seq", BigInteger),
    Column("note", Text),
    PrimaryKeyConstraint("tenant_id", "id"),
)
SERVICE = "gateway"
STREAM = "cox.gateway"
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


def started(rows: int = 1) -> Event:
    return ImportStarted(kind="leads", rows_total=rows)


def finished(rows: int = 1) -> Event:
    return ImportFinished(kind="leads", state="done", rows_done=rows, rows_failed=0)


@dataclass
class House:
    """One service's database and topics, with the words tests speak in."""

    settings: Settings
    admin: Connection
    app: Database
    worker: Database
    tenant: UUID = field(default_factory=new_id)

    def transaction(self, tenant: UUID | None = None) -> Any:
        return self.app.transaction(Access(tenant or self.tenant))

    async def create(self, tx: Tx, *events: Event, thing: UUID | None = None, historic: bool = False) -> UUID:
        """A new thing with these events."""
        thing = thing or new_id()
        await tx.connection.execute(
            "insert into things (tenant_id, id, seq) values ($1, $2, $3)", tx.tenant_id, thing, len(events)
        )
        news = [NewEvent(thing, event, NOON, historic=historic) for event in events]
        await record_events(tx, THINGS, news, created=True)
        return thing

    async def change(self, tx: Tx, thing: UUID, *events: Event) -> list[Position]:
        return await record_events(
            tx, THINGS, [NewEvent(thing, event, NOON) for event in events or (finished(),)]
        )

    async def created(self, *events: Event, **options: Any) -> UUID:
        async with self.transaction() as tx:
            return await self.create(tx, *(events or (started(),)), **options)

    async def changed(self, thing: UUID, *events: Event) -> list[Position]:
        async with self.transaction() as tx:
            return await self.change(tx, thing, *events)

    async def value(self, query: str, *arguments: Any) -> Any:
        return await self.admin.fetchval(query, *arguments)

    async def rows(self, query: str, *arguments: Any) -> list[tuple[Any, ...]]:
        return [tuple(row) for row in await self.admin.fetch(query, *arguments)]


SCHEMA = (
    *PRELUDE,
    *migrations.V1,
    *migrations.SENT_BEFORE,
    "create table things (tenant_id uuid, id uuid, seq bigint, note text, primary key (tenant_id, id))",
    *tenant_policy("things"),
    """create table notes (id bigint generated always as identity, consumer text, aggregate_id uuid, seq
    bigint,
       event_id uuid)""",
)


@asynccontextmanager
async def backbone_template(servers: Settings) -> AsyncIterator[str]:
    """The name of a database with the backbone's schema, from which houses are cloned; dropped at the end."""
    name = f"e{secrets.token_hex(4)}_template"
    password = servers.role_password.get_secret_value()
    await create_databases_and_roles(servers.postgres_url.get_secret_value(), [name], password)
    connection = await asyncpg.connect(servers.postgres_url.get_secret_value(), database=name)
    for statement in SCHEMA:
        await connection.execute(statement)
    await connection.close()
    try:
        yield name
    finally:
        await _execute(servers, f'drop database "{name}" with (force)')


@asynccontextmanager
async def made_house(servers: Settings, template: str) -> AsyncIterator[House]:
    """A house on these servers; its database and topics are nobody else's, and go with it."""
    unique = secrets.token_hex(4)
    settings = servers.model_copy(update={"database_prefix": f"e{unique}_", "topic_prefix": f"e{unique}."})
    name = settings.database_name(SERVICE)
    await _execute(servers, f'create database "{name}" template "{template}"')
    admin = await asyncpg.connect(servers.postgres_url.get_secret_value(), database=name)
    app, worker = (Database(make_engine(settings, SERVICE, role, pool_size=10)) for role in ("app", "worker"))
    try:
        yield House(settings, admin, app, worker)
    finally:
        await app.dispose()
        await worker.dispose()
        await admin.close()
        await _without_topics(settings)
        await _execute(servers, f'drop database "{name}" with (force)')


async def _execute(servers: Settings, statement: str) -> None:
    connection = await asyncpg.connect(servers.postgres_url.get_secret_value())
    try:
        await connection.execute(statement)
    finally:
        await connection.close()


async def _without_topics(settings: Settings) -> None:
    async with Admin(settings.kafka_bootstrap) as admin:
        await admin.delete([name for name in await admin.topics() if name.startswith(settings.topic_prefix)])
