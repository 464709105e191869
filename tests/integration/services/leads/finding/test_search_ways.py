"""Every way to a page of leads, for everybody who may ask, against the same question in plain Python."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, replace
from uuid import UUID

import asyncpg
import pytest

from services.leads.capture.custom_fields.finding import range_terms, terms_of
from services.leads.finding.search.rules import search_text, text_terms
from services.leads.finding.search.use_cases import Asked, CustomTerms, Question, Range, find_leads
from shared.database.transactions import Access, Tx, begin_statement
from shared.ids import new_id
from tests.integration.services.leads.finding.test_search_plan import Plans
from tests.support.databases import Databases

ROWS = 20_000
PAGE = 51
UNITS = [new_id() for _ in range(4)]
REPS = [new_id() for _ in range(8)]
REGION = new_id()
"""A unit above the first three, which has no leads of its own."""


@dataclass(frozen=True)
class Row:
    id: UUID
    owner: UUID | None
    team: UUID | None
    creator: UUID
    stage: str
    source: str
    value: int | None
    company: str
    size: int


@dataclass(frozen=True)
class Crowd:
    tenant_id: UUID
    rows: Sequence[Row]


@dataclass(frozen=True)
class Case:
    """What is asked, and which rows that is."""

    asked: Asked
    holds: Callable[[Row], bool]


def made() -> list[Row]:
    """Half of each rep's leads speak of trade, but the last rep's never do."""
    chance, rows = random.Random(7), []
    for number in range(ROWS):
        at = number % len(REPS)
        word = "Trading" if chance.random() < 0.5 and at != len(REPS) - 1 else "Works"
        free = number % 10 == 0
        rows.append(
            Row(
                id=new_id(),
                owner=None if free else REPS[at],
                team=None if number % 20 == 0 else UNITS[at % len(UNITS)],
                creator=chance.choice(REPS),
                stage="won" if number % 700 == 0 else chance.choice(["prospecting", "contract"]),
                source="rare" if number % 2500 == 1 else chance.choice(["web", "fair"]),
                value=None if number % 5 == 0 else chance.randrange(1000),
                company=f"{word} {'Zeta' if number % 997 == 0 else 'Alpha'} {number}",
                size=10**6 + number if number % 1000 == 3 else chance.randrange(1, 5000),
            )
        )
    return rows


async def store(admin: asyncpg.Connection[asyncpg.Record], crowd: Crowd) -> None:
    pipeline, tenant_id = new_id(), crowd.tenant_id
    records = []
    for row in crowd.rows:
        text = search_text([row.company])
        terms = set(map(int, text_terms(tenant_id, text)))
        terms.update(terms_of(tenant_id, "size", "integer", row.size, searchable=False))
        records.append(
            (row.id, row.owner, row.team, row.creator, row.stage, row.source, row.value, row.company,
             row.size, text, sorted(terms))
        )  # fmt: skip
    await admin.execute(
        "create temp table made (id uuid, owner uuid, team uuid, creator uuid, stage text, source text,"
        " value bigint, company text, size integer, s text, terms bigint[])"
    )
    await admin.copy_records_to_table("made", records=records)
    await admin.execute(
        "insert into leads (tenant_id, id, seq, company, tags, custom, pipeline_id, stage, status,"
        " stage_entered_at, started_at, start_known, created_at, updated_at, search_text, terms, owner_id,"
        " team_id, created_by, source, value_tenant_minor)"
        " select $1, id, 1, company, '{}', jsonb_build_object('size', size), $2, stage, 'open', now(), now(),"
        " true, now(), now(), s, terms, owner, team, creator, source, value from made",
        tenant_id,
        pipeline,
    )
    closure = [(REGION, REGION), *((REGION, unit) for unit in UNITS[:3]), *((unit, unit) for unit in UNITS)]
    await admin.executemany(
        "insert into org_closure (tenant_id, ancestor_id, descendant_id, depth) values ($1, $2, $3, $4)",
        [(tenant_id, *pair, int(pair[0] != pair[1])) for pair in closure],
    )
    await admin.execute("vacuum analyze leads")


@pytest.fixture(scope="module")
async def crowd(databases: Databases) -> AsyncIterator[Crowd]:
    await databases.require("leads")
    admin = await asyncpg.connect(databases.url("leads"))
    found = Crowd(new_id(), made())
    try:
        await store(admin, found)
        yield found
    finally:
        await admin.execute("delete from leads where tenant_id = $1", found.tenant_id)
        await admin.execute("delete from org_closure where tenant_id = $1", found.tenant_id)
        await admin.close()


@pytest.fixture
async def plans(databases: Databases) -> AsyncIterator[Plans]:
    admin = await asyncpg.connect(databases.url("leads"))
    try:
        found = Plans(admin)
        await found.listen()
        await admin.execute("set role cox_app")
        yield found
    finally:
        await admin.close()


def size_between(tenant_id: UUID, low: int, high: int | None) -> CustomTerms:
    path = f'$."size" ? (@ >= {low} && @ <= {high})' if high else f'$."size" ? (@ >= {low})'
    return CustomTerms(
        any_terms=(tuple(range_terms(tenant_id, "size", "integer", low, high)),), paths=(path,)
    )


def cases(tenant_id: UUID) -> dict[str, Case]:
    sizes = size_between(tenant_id, 10**6, None), size_between(tenant_id, 100, 102)
    rep = REPS[2]
    return {
        "all": Case(Asked(), lambda _: True),
        "a common word": Case(Asked(q="trading"), lambda row: "Trading" in row.company),
        "a rare word": Case(Asked(q="zeta"), lambda row: "Zeta" in row.company),
        "no word": Case(Asked(q="omega"), lambda _: False),
        "a common word of rare leads": Case(
            Asked({"source": ["rare"]}, q="alpha"),
            lambda row: row.source == "rare" and "Alpha" in row.company,
        ),
        "rare leads": Case(Asked({"source": ["rare"]}), lambda row: row.source == "rare"),
        "a rare stage": Case(Asked({"stage": ["won"]}), lambda row: row.stage == "won"),
        "a word in a stage": Case(
            Asked({"stage": ["contract"]}, q="alpha"),
            lambda row: row.stage == "contract" and "Alpha" in row.company,
        ),
        "somebody's": Case(Asked({"owner_id": [str(rep)]}), lambda row: row.owner == rep),
        "somebody's, few": Case(
            Asked({"owner_id": [str(rep)]}, ranges={"value_tenant_minor": Range("7", to="9")}),
            lambda row: row.owner == rep and row.value in (7, 8, 9),
        ),
        "nobody's": Case(Asked(unowned=True), lambda row: row.owner is None),
        "an open range": Case(Asked(custom=sizes[0]), lambda row: row.size >= 10**6),
        "a narrow range": Case(Asked(custom=sizes[1]), lambda row: 100 <= row.size <= 102),
    }  # fmt: skip


def below(visibility: str, user: UUID, unit: UUID | None) -> Callable[[Row], bool]:
    """The predicate of visibility, as the documents say it."""
    under: dict[str, set[UUID | None]] = {"team": {unit}, "subtree": {REGION, *UNITS[:3]}}
    units = under.get(visibility, set())

    def sees(row: Row) -> bool:
        mine = row.owner == user or (row.owner is None and row.creator == user)
        return visibility == "tenant" or mine or (row.team is not None and row.team in units)

    return sees


def in_order(rows: Sequence[Row], sort: str, *, descending: bool) -> list[UUID]:
    if sort == "created_at":
        return [row.id for row in sorted(rows, key=lambda row: row.id, reverse=descending)]
    valued = [row for row in rows if row.value is not None]
    valued.sort(key=lambda row: (row.value, row.id), reverse=descending)
    empty = [row for row in rows if row.value is None]
    return [row.id for row in (*valued, *sorted(empty, key=lambda row: row.id, reverse=descending))]


SEEN_BY = {
    "own": (REPS[-1], UNITS[3]),
    "team": (REPS[1], UNITS[0]),
    "subtree": (REPS[1], REGION),
    "tenant": (REPS[0], UNITS[0]),
}


class TestEveryWay:
    @pytest.mark.parametrize("descending", [True, False])
    @pytest.mark.parametrize("sort", ["created_at", "value"])
    @pytest.mark.parametrize("visibility", sorted(SEEN_BY))
    async def test_pages_are_those_of_plain_python_whatever_is_asked(
        self, plans: Plans, crowd: Crowd, visibility: str, sort: str, descending: bool
    ) -> None:
        user, unit = SEEN_BY[visibility]
        access = Access(crowd.tenant_id, user, visibility, unit)  # type: ignore[arg-type]  # one of its words
        tx = Tx(conn=None, access=access, connection=plans.connection)  # type: ignore[arg-type]  # only the driver is used
        sees = below(visibility, user, unit)
        shown = {row.id: row for row in crowd.rows if sees(row)}
        await plans.connection.execute(begin_statement(access))
        for name, case in cases(crowd.tenant_id).items():
            wanted = in_order([row for row in shown.values() if case.holds(row)], sort, descending=descending)
            question = Question(PAGE, [case.asked], sort=sort, descending=descending)
            assert await find_leads(tx, crowd.tenant_id, question) == wanted[:PAGE], name
            for last in (PAGE - 1, len(wanted) * 4 // 5, len(wanted) - 2):
                if 0 <= last < len(wanted):
                    at = shown[wanted[last]]
                    after = replace(question, after=(at.value if sort == "value" else None, at.id))
                    found = await find_leads(tx, crowd.tenant_id, after)
                    assert found == wanted[last + 1 : last + 1 + PAGE], (name, last)
        await plans.connection.execute("rollback")

    @pytest.mark.parametrize(
        ("name", "ways"),
        [
            ("a common word", ["nearby"]),
            ("a rare word", ["nearby", "nearby"]),
            ("no word", ["nearby", "terms"]),
            ("a narrow range", ["nearby", "terms"]),
            ("a common word of rare leads", ["nearby", "terms", "nearby"]),
            ("somebody's, few", ["nearby", "columns"]),
            ("rare leads", ["nearby", "to the end"]),
        ],
    )
    async def test_no_more_is_looked_at_than_is_worth_it(
        self, plans: Plans, crowd: Crowd, name: str, ways: list[str]
    ) -> None:
        access = Access(crowd.tenant_id)
        tx = Tx(conn=None, access=access, connection=plans.connection)  # type: ignore[arg-type]  # only the driver is used
        await plans.connection.execute(begin_statement(access))
        await find_leads(tx, crowd.tenant_id, Question(PAGE, [cases(crowd.tenant_id)[name].asked]))
        await plans.connection.execute("rollback")
        assert [way for seen in plans.seen for way, mark in WAYS.items() if mark in seen] == ways


WAYS = {
    "nearby": "Query Text: select array(select id from (select",
    "terms": "Query Text: with known as materialized",
    "columns": "Query Text: with fits as materialized",
    "to the end": "Query Text: select array(select id from leads",
}
