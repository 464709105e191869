"""A small app over real PostgreSQL: notes that can be written once per key, changed by version, and read."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Annotated, Any
from uuid import UUID

import pytest
from fastapi import Depends, FastAPI
from starlette.responses import Response
from starlette.types import Scope

from shared.access import migrations as access_migrations
from shared.access.principal import Principal
from shared.access.roles import SCOPES
from shared.database.rls import tenant_policy
from shared.database.transactions import Access, Tx
from shared.errors import Conflict, NotFound, Unauthenticated
from shared.events.positions import Position
from shared.ids import new_id
from shared.settings import Settings
from shared.web import migrations
from shared.web.app import make_app
from shared.web.paging import Page, PageQuery, page_query
from shared.web.reads import Read, read_access
from shared.web.routing import Router
from shared.web.wire import Id, Int64, Line, WireModel
from shared.web.writes import Write, write_access
from tests.support.asgi import Answer, ask
from tests.support.bed import Bed, made_bed
from tests.support.pair import Pair

NOTES = """create table notes (
  tenant_id uuid not null, id uuid not null, seq bigint not null, text text not null, number bigint,
  primary key (tenant_id, id), constraint one_of_each unique (tenant_id, text))"""
WRITES = "leads:write"
READS = "leads:read"


class NoteIn(WireModel):
    text: Annotated[str, Line(200)]
    number: Int64 | None = None


class NoteOut(WireModel):
    id: Id
    version: int
    text: str


class NoteTaken(Conflict):
    code = "note_taken"


sound_router = Router(prefix="/v1/notes", tags=["notes"])
broken_router = Router(prefix="/v1/broken", tags=["broken"])
Writes = Annotated[Write, Depends(write_access(WRITES))]
Reads = Annotated[Read, Depends(read_access(READS))]


def out(row: Any) -> NoteOut:
    return NoteOut(id=row["id"], version=row["seq"], text=row["text"])


async def _insert(tx: Tx, body: NoteIn) -> Any:
    raw = await tx.raw()
    if await raw.fetchval("select true from notes where text = $1 and seq > 100", body.text):
        raise NoteTaken("Frozen")
    id_ = new_id()
    tx.recorded.append(Position("cox.leads", id_, 1))
    return await raw.fetchrow(
        "insert into notes values ($1, $2, 1, $3, $4) returning *", tx.tenant_id, id_, body.text, body.number
    )


@sound_router.post("", status_code=201, response_model=NoteOut)
async def post_note(body: NoteIn, write: Writes) -> Response:
    return await write.run(lambda tx: _insert(tx, body), render=out, status=201)


@sound_router.post("/secret", status_code=201, response_model=NoteOut)
async def post_secret(body: NoteIn, write: Writes) -> Response:
    return await write.run(
        lambda tx: _insert(tx, body),
        render=out,
        status=201,
        secret=True,
        location=lambda row: f"/v1/notes/{row['id']}",
    )


@sound_router.get("", response_model=Page[NoteOut])
async def list_notes(
    read: Reads, page: Annotated[PageQuery, Depends(page_query)], text: str | None = None
) -> Response:
    after = page.after or (UUID(int=0),)
    async with read.transaction() as tx:
        rows = await (await tx.raw()).fetch(
            "select * from notes where id > $1 and ($2::text is null or text >= $2) order by id limit $3",
            after[0], text, page.limit + 1,
        )  # fmt: skip
    return page.answer(rows, key=lambda row: (row["id"],), render=out)


@sound_router.get("/{note_id}", response_model=NoteOut)
async def get_note(note_id: Id, read: Reads) -> Response:
    async def load(tx: Tx) -> Any:
        return await (await tx.raw()).fetchrow("select * from notes where id = $1", note_id)

    return await read.one(load, out, position=lambda row: Position("cox.leads", row["id"], row["seq"]))


@sound_router.patch("/{note_id}", response_model=NoteOut)
async def patch_note(note_id: Id, body: NoteIn, write: Writes) -> Response:
    async def work(tx: Tx) -> Any:
        raw = await tx.raw()
        found = await raw.fetchrow("select * from notes where id = $1 for update", note_id)
        if found is None:
            raise NotFound
        write.check(found["seq"])
        return await raw.fetchrow(
            "update notes set text = $2, seq = seq + 1 where id = $1 returning *", note_id, body.text
        )

    return await write.run(work, render=out)


@broken_router.get("/unforeseen", response_model=NoteOut)
async def get_broken(read: Reads) -> Response:
    raise ZeroDivisionError("a secret of the inside")


@broken_router.post("/raw", response_model=NoteOut)
async def post_raw(body: dict[str, Any], write: Writes) -> Response:
    async def work(tx: Tx) -> Any:
        raw = await tx.raw()
        return await raw.fetchrow(
            "insert into notes values ($1, $2, 1, $3, $4) returning *",
            tx.tenant_id, new_id(), body["text"], body.get("number"),
        )  # fmt: skip

    return await write.run(work, render=out)


@dataclass
class AppliedByTest:
    """The projections' progress, as the test tells it."""

    asked: list[tuple[list[Position], float]] = field(default_factory=list)
    error: Exception | None = None

    async def wait(self, positions: Sequence[Position], timeout: float) -> None:
        self.asked.append((list(positions), timeout))
        if self.error is not None:
            raise self.error


@dataclass
class ChangedByTest:
    """The journal's news, as the test tells it: the newest seqs, one for each time it is asked."""

    asked: list[Position] = field(default_factory=list)
    newest: list[int | None] = field(default_factory=list)

    async def wait(self, access: Access, position: Position, timeout: float) -> int | None:
        self.asked.append(position)
        return self.newest.pop(0) if self.newest else None


def a_principal(**changes: Any) -> Principal:
    user = new_id()
    person = Principal(
        tenant_id=new_id(), id=user, kind="user", user_id=user, roles=frozenset({"admin"}),
        scopes=frozenset(SCOPES), visibility="tenant", unit_id=None, org_version=0,
    )  # fmt: skip
    return replace(person, **changes)


@dataclass
class Desk:
    """The app and whoever sits before it."""

    app: FastAPI
    bed: Bed
    principal: Principal
    applied: AppliedByTest
    changes: ChangedByTest
    signed_in: bool = True

    async def ask(self, method: str, target: str, **options: Any) -> Answer:
        return await ask(self.app, method, target, **options)

    async def count(self, table: str) -> int:
        query = f"select count(*) from {table} where tenant_id = $1"  # noqa: S608 - a name in a test
        return int(await self.bed.admin.fetchval(query, self.principal.tenant_id))


@pytest.fixture(scope="module")
async def bed(pair: Pair, settings: Settings) -> AsyncIterator[Bed]:
    statements = [*access_migrations.V1, *migrations.V1, NOTES, *tenant_policy("notes")]
    async with made_bed(pair, settings, statements) as made:
        yield made


@pytest.fixture
def desk(bed: Bed) -> Desk:
    """An app with a principal of a new tenant."""
    return made_desk(bed)


def made_desk(bed: Bed) -> Desk:
    applied, changes = AppliedByTest(), ChangedByTest()

    async def authenticate(_: Scope) -> Principal:
        if not made.signed_in:
            raise Unauthenticated("Nobody")
        return made.principal

    app = make_app(
        bed.settings,
        "leads",
        routers=[sound_router, broken_router],
        database=bed.app,
        applied=applied,
        changes=changes,
        authenticate=authenticate,
    )
    made = Desk(app, bed, a_principal(), applied, changes)
    return made
