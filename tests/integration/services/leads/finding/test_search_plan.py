"""A hundred thousand leads, and the plan of a search among them as the server runs it."""

from __future__ import annotations

import importlib
import pkgutil
import re
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime
from uuid import UUID

import asyncpg
import pytest

import services.leads
from services.leads.capture.normalising.texts import folded
from services.leads.finding.search.function import SORTS
from services.leads.finding.search.rules import search_text, text_terms
from services.leads.finding.search.use_cases import Asked, CustomTerms, Question, Range, find_leads
from shared.database.engine import connect_raw
from shared.database.transactions import Access, Tx, begin_statement
from shared.ids import new_id
from shared.settings import Settings
from tests.support.databases import Databases

ROWS = 100_000
HUAWEI_EVERY = 5_000
_SURNAMES = "赵钱孙李周吴郑王冯陈褚卫蒋沈韩杨朱秦尤许何吕施张孔曹严华金魏陶姜"
_TRADES = ("科技", "贸易", "食品", "建材", "软件", "物流", "电器", "服装")


def company(number: int) -> str:
    """Names as they are: two characters of many, a trade of few, and the same ending everywhere."""
    if number % HUAWEI_EVERY == 0:
        return f"华为{_TRADES[number % 8]}{number}有限公司"
    size = len(_SURNAMES)
    return (
        f"{_SURNAMES[number % size]}{_SURNAMES[number // size % size]}{_TRADES[number % 8]}{number}有限公司"
    )


async def load(admin: asyncpg.Connection[asyncpg.Record], tenant_id: UUID) -> None:
    pipeline = new_id()
    rows = []
    for number in range(ROWS):
        text = search_text([f"Customer {number}", company(number)])
        terms = sorted(map(int, text_terms(tenant_id, text)))
        rows.append((tenant_id, new_id(), company(number), text, terms, pipeline))
    await admin.execute(
        "create temp table loaded (t uuid, id uuid, company text, s text, terms bigint[], p uuid)"
    )
    await admin.copy_records_to_table("loaded", records=rows)
    await admin.execute(
        "insert into leads (tenant_id, id, seq, company, tags, custom, pipeline_id, stage, status,"
        " stage_entered_at, started_at, start_known, created_at, updated_at, search_text, terms)"
        " select t, id, 1, company, '{}', '{}', p, 'prospecting', 'open', now(), now(), true, now(), now(),"
        " s, terms from loaded"
    )
    await admin.execute("drop table loaded")
    await admin.execute("vacuum analyze leads")


def words(text: str) -> Question:
    return Question(most=50, asked=[Asked(q=text)])


KNOWN = "Query Text: with known as materialized"
SEARCHED = re.compile(r"Query Text: (select array\(select id from|with (known|fits) as materialized)")
END_TO_END = re.compile(r"Seq Scan on (\w+\.)?leads\b")


def statements() -> dict[str, str]:
    """Every statement of the service that reads or changes leads, by its name, as a person would write it."""
    found: dict[str, str] = {}
    for info in pkgutil.walk_packages(services.leads.__path__, "services.leads."):
        if ".migrations" in info.name or info.name.rpartition(".")[2] in ("app", "worker"):
            continue
        for name, value in vars(importlib.import_module(info.name)).items():
            # Templates with names to be put in stand there complete as well.
            if isinstance(value, str) and _ON_LEADS.search(value) and not re.search(r"\{[a-z]", value):
                numbered = re.sub(r"\{(\d+)\}", lambda place: f"${int(place[1]) + 1}", value)
                if _WHOLE.match(numbered):
                    found.setdefault(numbered, f"{info.name.removeprefix('services.leads.')}.{name}")
    return {name: statement for statement, name in found.items()}


_ON_LEADS = re.compile(r"\b(from|join|update)\s+leads\b")
_WHOLE = re.compile(r"\s*(select|with|update|delete)\b")
STATEMENTS = statements()


class Plans:
    """The plans of what a connection runs, nested statements too, as the server logs them to its client."""

    def __init__(self, connection: asyncpg.Connection[asyncpg.Record]) -> None:
        self.connection = connection
        self.seen: list[str] = []

    async def listen(self) -> None:
        self.connection.add_log_listener(lambda _, message: self.seen.append(str(message.message)))
        for setting in (
            "load 'auto_explain'",
            "set auto_explain.log_min_duration = 0",
            "set auto_explain.log_nested_statements = on",
            "set auto_explain.log_analyze = on",
            "set auto_explain.log_timing = off",
            "set client_min_messages = log",
        ):
            await self.connection.execute(setting)


@pytest.fixture(scope="module")
async def crowd(databases: Databases) -> AsyncIterator[UUID]:
    await databases.require("leads")
    tenant_id = new_id()
    admin = await asyncpg.connect(databases.url("leads"))
    try:
        await load(admin, tenant_id)
        yield tenant_id
    finally:
        await admin.execute("delete from leads where tenant_id = $1", tenant_id)
        await admin.close()


@pytest.fixture
async def searching(databases: Databases, crowd: UUID) -> AsyncIterator[tuple[Tx, Plans]]:
    """A transaction that runs as the app does, on a connection whose plans are seen."""
    admin = await asyncpg.connect(databases.url("leads"))
    try:
        plans = Plans(admin)
        await plans.listen()
        await admin.execute("set role cox_app")
        access = Access(crowd)
        await admin.execute(begin_statement(access))
        yield Tx(conn=None, access=access, connection=admin), plans  # type: ignore[arg-type]  # only the driver is used
        await admin.execute("rollback")
    finally:
        await admin.close()


class TestSearchingAHundredThousand:
    async def test_the_index_is_used_when_two_chinese_characters_are_sought(
        self, searching: tuple[Tx, Plans], crowd: UUID
    ) -> None:
        tx, plans = searching
        plans.seen.clear()
        found = await find_leads(tx, crowd, words("華為"))
        assert len(found) == ROWS // HUAWEI_EVERY
        [plan] = [seen for seen in plans.seen if KNOWN in seen]
        assert "Bitmap Index Scan on ix_leads_terms" in plan, plan
        assert "Seq Scan" not in plan, plan
        read = re.search(r"Bitmap Heap Scan on leads .*rows=(\d+)", plan)
        assert read is not None, plan

    async def test_no_more_than_the_page_is_read_when_words_match_everybody(
        self, searching: tuple[Tx, Plans], crowd: UUID
    ) -> None:
        tx, plans = searching
        plans.seen.clear()
        assert len(await find_leads(tx, crowd, replace(words("公司"), most=51))) == 51
        [plan] = [seen for seen in plans.seen if SEARCHED.search(seen)]
        assert "Index Scan Backward using pk_leads" in plan, plan

    @pytest.mark.parametrize("descending", [True, False])
    @pytest.mark.parametrize("sort", ["created_at", "updated_at"])
    @pytest.mark.parametrize("word", ["公司", "物流", "华為", "999"])
    async def test_pages_are_those_of_plain_sql_when_what_is_sought_is_common_or_rare(
        self,
        searching: tuple[Tx, Plans],
        crowd: UUID,
        databases: Databases,
        word: str,
        sort: str,
        descending: bool,
    ) -> None:
        tx, _ = searching
        most, way = 7, "desc" if descending else "asc"
        order = f"updated_at {way}, id {way}" if sort == "updated_at" else f"id {way}"
        admin = await asyncpg.connect(databases.url("leads"))
        try:
            everything = "select updated_at, id from leads where tenant_id = $1 and search_text like $2"
            wanted = await admin.fetch(f"{everything} order by {order}", crowd, f"%{folded(word)}%")
        finally:
            await admin.close()
        assert len(wanted) > 2 * most
        question = replace(words(word), most=most, sort=sort, descending=descending)
        first = await find_leads(tx, crowd, question)
        after = (wanted[most - 1]["updated_at"], wanted[most - 1]["id"])
        second = await find_leads(tx, crowd, replace(question, after=after))
        last = (wanted[-2]["updated_at"], wanted[-2]["id"])
        end = await find_leads(tx, crowd, replace(question, after=last))
        ids = [row["id"] for row in wanted]
        assert [first, second, end] == [ids[:most], ids[most : 2 * most], ids[-1:]]

    async def test_nobody_elses_are_found_when_another_tenant_asks(
        self, searching: tuple[Tx, Plans], crowd: UUID
    ) -> None:
        tx, _ = searching
        stranger = new_id()
        await tx.connection.execute(f"set local cox.tenant_id = '{stranger}'")
        assert await find_leads(tx, stranger, words("华为")) == []
        assert await find_leads(tx, crowd, words("华为")) == []


FILTERS = {
    "nothing": Asked(),
    "owner": Asked(equal={"owner_id": [str(new_id())]}),
    "owners or nobody": Asked(equal={"owner_id": [str(new_id()), str(new_id())]}, unowned=True),
    "nobody": Asked(unowned=True),
    "stage": Asked(equal={"stage": ["won"]}),
    "stages": Asked(equal={"stage": ["won", "lost"]}),
    **{
        name: Asked(equal={name: ["A"]})
        for name in (
            "source",
            "channel",
            "campaign",
            "region",
            "product",
            "label",
            "value_class",
            "intent",
        )
    },
    "status": Asked(equal={"status": ["won"]}),
    "creator": Asked(equal={"created_by": [str(new_id())]}),
    "wish": Asked(equal={"do_not_contact": ["true"]}),
    "units": Asked(units=[new_id()]),
    "pool": Asked(pool=new_id()),
    "no phone": Asked(present={"phone": False}),
    "duplicate": Asked(present={"duplicate_of": True}),
    **{
        name: Asked(ranges={name: Range("2020-01-01T00:00:00Z", before="2020-02-01T00:00:00Z")})
        for name in ("created_at", "updated_at", "started_at", "closed_at", "stage_entered_at")
    },
    "value": Asked(ranges={"value_tenant_minor": Range("5", to="7")}),
    "score": Asked(ranges={"score": Range("5", to="7")}),
    "untouched": Asked(untouched=datetime(2020, 1, 1, tzinfo=UTC)),
    "words": Asked(q="华为 x"),
    "tag": Asked(tags=["hot"]),
    "custom": Asked(custom=CustomTerms((5,), ((6, 7),), ('$."a" ? (@ >= 5)',), ("a.*b",))),
}


class TestNothingIsReadFromEndToEnd:
    @pytest.mark.parametrize("visibility", ["own", "team", "subtree", "tenant"])
    async def test_by_any_filter_and_order_of_a_search(
        self, searching: tuple[Tx, Plans], crowd: UUID, visibility: str
    ) -> None:
        tx, plans = searching
        await tx.connection.execute(
            f"set local cox.visibility = '{visibility}'; set local cox.user_id = '{new_id()}';"
            f" set local cox.unit_id = '{new_id()}'"
        )
        plans.seen.clear()
        for name, asked in FILTERS.items():
            for sort in SORTS:
                question = Question(most=51, asked=[asked], sort=sort)
                assert not await find_leads(tx, crowd, question) or visibility == "tenant", name
        searched = [seen for seen in plans.seen if SEARCHED.search(seen)]
        assert len(searched) >= len(FILTERS) * len(SORTS)
        assert [plan for plan in searched if END_TO_END.search(plan)] == []

    @pytest.mark.parametrize("name", sorted(STATEMENTS))
    async def test_by_any_statement_of_the_service(
        self, searching: tuple[Tx, Plans], crowd: UUID, name: str
    ) -> None:
        tx, _ = searching
        await tx.connection.execute("set local plan_cache_mode = force_generic_plan")
        await tx.connection.execute(f"prepare asked as {STATEMENTS[name]}")
        try:
            kinds = "select cardinality(parameter_types) from pg_prepared_statements where name = 'asked'"
            nothing = ", ".join(["null"] * await tx.connection.fetchval(kinds))
            rows = await tx.connection.fetch(f"explain execute asked({nothing})")
        finally:
            await tx.connection.execute("deallocate asked")
        plan = "\n".join(row[0] for row in rows)
        assert END_TO_END.search(plan) is None, plan


class TestRoles:
    async def test_the_app_may_not_read_around_the_function_when_it_tries(
        self, settings: Settings, databases: Databases, crowd: UUID
    ) -> None:
        connection = await connect_raw(settings, "leads", "app")
        try:
            assert await connection.fetchval("select count(*) from leads") == 0
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await connection.execute("set role cox_search")
        finally:
            await connection.close()
