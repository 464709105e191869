"""Row-level security and the visibility predicate against the rule in plain Python, row by row."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, cast
from uuid import UUID, uuid4

from sqlalchemy import Column, FromClause, MetaData, Table, Text, Uuid, select

from services.leads.finding.search.use_cases import Question, find_leads
from shared.access.visibility import visible
from shared.database.engine import make_engine
from shared.database.transactions import Access, Database, Visibility
from tests.chaos.hostile.world import Credit, Someone, World
from tests.chaos.stack import Stack
from tests.e2e.support.house import SERVICES

_WIDTHS: tuple[Visibility, ...] = ("own", "team", "subtree", "tenant")
_MOST = 1_000_000
_POLICIES = "select tablename from pg_policies where policyname = 'app_visible'"
_CELL_REP = "case f.view when 1 then f.key end"
_CELL_TEAM = "case f.view when 1 then f.team when 2 then f.key end"


@dataclass
class Compared:
    """`pairs` of somebody who asks and a row; a sentence for each difference."""

    pairs: int = 0
    differences: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Row:
    """A row of a table that has owners: its place, and whose it is."""

    place: str
    tenant: str
    owner: Credit
    creator: str | None


Sees = Callable[[World, Someone, Row], bool]


@dataclass(frozen=True, slots=True)
class Owned:
    """A table that has a visibility policy. `rows` answers place, tenant, user, unit and creator of each row;
    `columns` are what the predicate goes by, where queries use it.
    """

    service: str
    name: str
    rows: str
    sees: Sees
    columns: tuple[str, str, str] | None = None


def _by_credit(world: World, person: Someone, row: Row) -> bool:
    return world.leads(person, row.owner, row.creator)


def _by_place(world: World, person: Someone, row: Row) -> bool:
    return person.visibility == "tenant" or world.in_line(person.unit, row.owner.unit)


def _by_person(world: World, person: Someone, row: Row) -> bool:
    return person.visibility == "tenant" or row.owner.user == person.id


def _with_credit(world: World, person: Someone, row: Row) -> bool:
    """Of numbers by other dimensions than people and teams only the whole tenant's are kept ready."""
    known = row.owner.user is not None or row.owner.unit is not None
    return person.visibility == "tenant" or (known and world.leads(person, row.owner))


def _simple(table: str, user: str, unit: str, creator: str) -> str:
    # Names of ours only.
    return (
        f"select ctid::text, tenant_id, {user}, {unit}, {creator} from {table}"  # noqa: S608
        " where tenant_id = any($1)"
    )


def _numbered(table: str, rep: str, team: str) -> str:
    """Where people and teams stand as small numbers."""
    return f"""
        select f.ctid::text, f.tenant_id, r.key::uuid, t.key::uuid, null::uuid from {table} f
        left join dimensions r on r.tenant_id = f.tenant_id and r.kind = 1 and r.id = {rep}
        left join dimensions t on t.tenant_id = f.tenant_id and t.kind = 2 and t.id = {team}
        where f.tenant_id = any($1)"""  # noqa: S608 - names of ours only


def _of_users(table: str) -> str:
    """Rows that are seen by whoever sees their user."""
    return f"""
        select o.ctid::text, o.tenant_id, o.user_id, u.unit_id, null::uuid from {table} o
        join users u on u.tenant_id = o.tenant_id and u.id = o.user_id where o.tenant_id = any($1)"""  # noqa: S608 - names of ours only


_OWNER = ("owner_id", "team_id", "created_by")
_DOER = ("rep_id", "team_id", "recorded_by")
_NULL = "null::uuid"

TABLES = (
    Owned("leads", "leads", _simple("leads", *_OWNER), _by_credit, _OWNER),
    Owned("activities", "known_leads", _simple("known_leads", *_OWNER), _by_credit, _OWNER),
    Owned("activities", "activities", _simple("activities", *_DOER), _by_credit, _DOER),
    Owned("gateway", "users", _simple("users", "id", "unit_id", _NULL), _by_credit),
    Owned("gateway", "units", _simple("units", _NULL, "id", _NULL), _by_place),
    Owned("gateway", "profiles", _of_users("profiles"), _by_credit),
    Owned("gateway", "absences", _of_users("absences"), _by_credit),
    Owned("gateway", "departures", _of_users("departures"), _by_credit),
    Owned("gateway", "api_keys", _simple("api_keys", "user_id", _NULL, _NULL), _by_person),
    Owned("scoring", "facts", _numbered("facts", "f.rep", "f.team"), _by_credit),
    Owned("scoring", "cells", _numbered("cells", _CELL_REP, _CELL_TEAM), _with_credit),
)


async def compare(
    stack: Stack, world: World, tenants: list[UUID], chance: random.Random, accesses: int
) -> Compared:
    """Random accesses against every row of every table that has owners."""
    compared = Compared()
    for what in TABLES:
        asked = [_access(world, tenants, chance) for _ in range(accesses)]
        await _compare(stack, world, what, tenants, asked, compared)
    known = {(what.service, what.name) for what in TABLES}
    for service in SERVICES:
        async with stack.database(service) as database:
            found = {(service, str(row[0])) for row in await database.fetch(_POLICIES)}
        compared.differences += [f"{table} has owners and is not compared here" for table in found - known]
    return compared


def _access(world: World, tenants: list[UUID], chance: random.Random) -> Access:
    """Of somebody who is there, or of a mixture that nobody is."""
    person = chance.choice(list(world.people.values()))
    if chance.random() < 0.5:
        width = cast(Visibility, person.visibility)
        return Access(UUID(person.tenant), UUID(person.id), width, UUID(person.unit))
    users = [*(UUID(each) for each in world.people), None, uuid4()]
    units = [*(UUID(each) for each in world.parents), None, uuid4()]
    return Access(chance.choice(tenants), chance.choice(users), chance.choice(_WIDTHS), chance.choice(units))


async def _compare(
    stack: Stack, world: World, what: Owned, tenants: list[UUID], accesses: list[Access], compared: Compared
) -> None:
    async with stack.database(what.service) as database:
        rows = [_row(each) for each in await database.fetch(what.rows, tenants)]
    app = Database(make_engine(stack.settings, what.service, "app", pool_size=2))
    worker = Database(make_engine(stack.settings, what.service, "worker", pool_size=2))
    try:
        for access in accesses:
            expected = {row.place for row in rows if _sees(world, what, access, row)}
            compared.pairs += len(rows)
            for said, found in (await _sights(app, worker, what, access)).items():
                if found != expected:
                    more, less = len(found - expected), len(expected - found)
                    compared.differences.append(
                        f"{what.name}: {said} shows {access} {more} too many, {less} too few"
                    )
    finally:
        await app.dispose()
        await worker.dispose()


def _row(told: Any) -> Row:
    user, unit, creator = (None if value is None else str(value) for value in tuple(told)[2:])
    return Row(told[0], str(told[1]), Credit(user, unit), creator)


def _sees(world: World, what: Owned, access: Access, row: Row) -> bool:
    asks = Someone(
        str(access.user_id), str(access.tenant_id), str(access.unit_id), "", access.visibility, frozenset()
    )
    return row.tenant == asks.tenant and what.sees(world, asks, row)


async def _sights(app: Database, worker: Database, what: Owned, access: Access) -> dict[str, set[str]]:
    """The places of the rows that each way of asking shows."""
    found: dict[str, set[str]] = {}
    async with app.transaction(access) as tx:
        rows = await tx.connection.fetch(f"select ctid::text from {what.name}")  # noqa: S608 - names of ours
        found["row-level security"] = {row[0] for row in rows}
        if what.name == "leads":
            ids = await find_leads(tx, access.tenant_id, Question(most=_MOST))
            rows = await tx.connection.fetch("select ctid::text from leads where id = any($1::uuid[])", ids)
            found["the search"] = {row[0] for row in rows}
            if len(ids) != len(rows):
                found["the search"].add("ids that row-level security hides")
    if what.columns is not None:
        table = _table(what)
        owner, team, creator = what.columns
        seen = visible(table, access, owner=owner, team=team, creator=creator)
        async with worker.transaction() as tx:
            places = await tx.conn.execute(select(table.c.ctid.cast(Text)).where(seen))
            found["the predicate"] = set(places.scalars())
    return found


def _table(what: Owned) -> FromClause:
    assert what.columns is not None
    columns = [Column(name, Uuid) for name in ("tenant_id", *what.columns)]
    return Table(what.name, MetaData(), Column("ctid", Text), *columns)
