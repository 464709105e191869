"""`/v1/kpis` and its kin over HTTP: shapes, pages, money, and what is refused."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote
from uuid import UUID

import pytest
from fastapi import FastAPI
from starlette.types import Scope

from services.scoring.bootstrap import build_app
from services.scoring.kpis.apply import Engine
from services.scoring.kpis.catalogue import METRICS
from shared.access.principal import Principal
from shared.access.roles import ROLES
from shared.clock import SettableClock
from shared.database.transactions import Database
from shared.errors import Unauthenticated
from shared.events.topics import ensure_topics
from shared.ids import new_id
from shared.settings import Settings
from tests.integration.services.scoring.log import opened
from tests.integration.services.scoring.world import World
from tests.support.asgi import Answer, ask

NOW = datetime(2026, 3, 30, 17, tzinfo=UTC)


@dataclass
class Caller:
    """Asks as somebody of the world."""

    app: FastAPI
    callers: dict[str, Principal]
    world: World

    async def __call__(self, path: str, user: str = "boss", **query: Any) -> Answer:
        pairs = "&".join(f"{name.rstrip('_')}={quote(str(value))}" for name, value in query.items())
        return await ask(self.app, "GET", f"{path}?{pairs}", headers={"authorization": user})

    async def kpis(self, metric: str, **query: Any) -> dict[str, Any]:
        answer = await self("/v1/kpis", metric=metric, **query)
        assert answer.status == 200, answer
        body: dict[str, Any] = answer.json()
        return body


def principal(world: World, role: str, user_id: UUID, unit_id: UUID) -> Principal:
    rights = ROLES[role]
    return Principal(
        world.tenant,
        user_id,
        "user",
        user_id,
        frozenset({role}),
        rights.scopes,
        rights.visibility,
        unit_id,
        1,
    )


@pytest.fixture(scope="module")
async def quiet(settings: Settings) -> Settings:
    """The same, with topics in which nothing happens but what a test puts there."""
    own = settings.model_copy(update={"topic_prefix": f"{settings.topic_prefix}quiet."})
    await ensure_topics(own.kafka_bootstrap, own.topic_prefix)
    return own


@pytest.fixture
async def call(quiet: Settings, world: World, worker: Database) -> AsyncIterator[Caller]:
    callers = {
        "boss": principal(world, "director", new_id(), world.company),
        "ann": principal(world, "rep", world.reps["ann"], world.teams["east"]),
        "lead": principal(world, "supervisor", new_id(), world.teams["east"]),
    }

    async def authenticate(scope: Scope) -> Principal:
        name = dict(scope["headers"]).get(b"authorization", b"").decode()
        if name not in callers:
            raise Unauthenticated
        return callers[name]

    app = build_app(quiet, clock=SettableClock(NOW), authenticate=authenticate)
    async with app.router.lifespan_context(app):
        yield Caller(app, callers, world)


@pytest.fixture
async def story(call: Caller, worker: Database) -> UUID:
    """Scenario 4: an earlier loss, then a deal of 120,000.00 won 25 days after its start; the lead won."""
    world, lost, won = call.world, new_id(), new_id()
    events = [
        world.created(lost, "2026-03-01T04:00", "ann", product="desk"),
        world.moved(lost, "2026-03-05T04:00", "ann", "lost", product="desk"),
        world.created(won, "2026-03-02T04:00", "ann", product="lamp"),
        world.assigned(won, "2026-03-02T04:05", "ann"),
        world.acted(won, "2026-03-02T04:19", "ann"),
        world.responded(won, "2026-03-02T04:19", "ann", 540),
        world.moved(won, "2026-03-27T04:00", "ann", "won", 12_000_000, product="lamp"),
    ]
    async with worker.transaction() as tx:
        await Engine().apply(tx, events)
    return won


class TestKpis:
    async def test_story_has_its_numbers_when_a_deal_is_won(self, call: Caller, story: UUID) -> None:
        money = {"amount": "120000.00", "currency": "CNY"}
        expected = {
            "won_revenue": (money, money, None, "CNY"),
            "deals_won": (1, 1, None, "count"),
            "win_rate": (0.5, 1, 2, "ratio"),
            "sales_cycle_days": (25, 25, 1, "days"),
            "average_deal": (money, money, 1, "CNY"),
            "first_response_seconds": (840, 840, 1, "seconds"),
            "first_response_business_seconds": (540, 540, 1, "seconds"),
        }
        for metric, (value, numerator, denominator, unit) in expected.items():
            for by, key, label in (
                ("rep", call.world.reps["ann"], "Ann"),
                ("team", call.world.teams["east"], "Team East"),
                ("tenant", call.world.tenant, "Acme"),
            ):
                page = await call.kpis(metric, by=by, grain="month", from_="2026-03-10", to="2026-03-10")
                assert page["items"] == [
                    {
                        "metric": metric, "by": by, "key": str(key), "label": label,
                        "period_start": "2026-03-01", "value": value, "numerator": numerator,
                        "denominator": denominator, "unit": unit,
                    }
                ]  # fmt: skip

    async def test_everything_is_as_before_when_the_deal_is_reopened(
        self, call: Caller, story: UUID, worker: Database
    ) -> None:
        async with worker.transaction() as tx:
            event = call.world.moved(story, "2026-03-28T04:00", "ann", "open", was="won")
            await Engine().apply(tx, [event])
        for metric in ("won_revenue", "deals_won", "sales_cycle_days"):
            assert (await call.kpis(metric, by="rep"))["items"] == []
        assert [row["value"] for row in (await call.kpis("win_rate"))["items"]] == [0]

    async def test_pages_follow_one_another_by_cursor(self, call: Caller, story: UUID) -> None:
        whole = (await call.kpis("leads_created", grain="day"))["items"]
        first = await call.kpis("leads_created", grain="day", limit=1)
        rest = await call.kpis("leads_created", grain="day", limit=1, cursor=first["next_cursor"])
        assert (first["items"] + rest["items"], rest["next_cursor"]) == (whole, None)
        assert len(whole) == 2

    async def test_value_is_null_when_there_is_no_data_for_a_deal_that_was_won(
        self, call: Caller, worker: Database
    ) -> None:
        lead = new_id()
        async with worker.transaction() as tx:
            world = call.world
            created = world.created(lead, "2026-03-02T04:00", "ann", start_known=False)
            await Engine().apply(tx, [created, world.moved(lead, "2026-03-03T04:00", "ann", "won")])
        for metric in ("won_revenue", "sales_cycle_days", "average_deal"):
            (row,) = (await call.kpis(metric))["items"]
            assert row["value"] is None

    async def test_rep_gets_their_own_numbers_only(self, call: Caller, story: UUID, worker: Database) -> None:
        async with worker.transaction() as tx:
            await Engine().apply(tx, [call.world.created(new_id(), "2026-03-02T04:00", "bob")])
        keys = {
            user: {row["label"] for row in (await call.kpis("leads_created", user=user, by="rep"))["items"]}
            for user in ("boss", "lead", "ann")
        }
        assert keys == {"boss": {"Ann", "Bob"}, "lead": {"Ann", "Bob"}, "ann": {"Ann"}}

    async def test_page_says_how_far_the_numbers_are(self, call: Caller, story: UUID, admin: Any) -> None:
        await admin.execute("delete from offsets")
        page = await call.kpis("leads_created")
        assert (page["as_of"], page["lag_events"]) == (None, 0)
        await admin.execute(
            "insert into offsets (consumer, stream, partition, next, published_at, log_end)"
            " values ('scoring.kpis', 'cox.leads', 0, 5, '2026-03-02T04:00:00Z', 9),"
            " ('scoring.kpis', 'cox.leads', 1, 7, '2026-03-02T05:00:00Z', 7),"
            " ('scoring.directory', 'cox.org', 1, 7, '2026-03-03T05:00:00Z', 70)"
        )
        page = await call.kpis("leads_created")
        assert (page["as_of"], page["lag_events"]) == ("2026-03-02T05:00:00Z", 4)
        await admin.execute("delete from offsets")

    async def test_lag_is_seen_when_no_worker_reads_the_log(
        self, call: Caller, quiet: Settings, admin: Any
    ) -> None:
        await admin.execute("delete from offsets")
        await admin.execute(
            "insert into offsets (consumer, stream, partition, next)"
            " select 'scoring.kpis', 'cox.leads', partition, 0 from generate_series(0, 11) partition"
        )
        before = (await call.kpis("leads_created"))["lag_events"]
        async with opened(quiet) as log, asyncio.timeout(240):
            await log.publish([call.world.created(new_id(), "2026-03-02T04:00") for _ in range(3)])
            while (await call.kpis("leads_created"))["lag_events"] != before + 3:  # noqa: ASYNC110
                await asyncio.sleep(0.05)
        await admin.execute("delete from offsets")


REFUSED: list[tuple[str, dict[str, Any]]] = [
    ("/v1/kpis", {}),
    ("/v1/kpis", {"metric": "nonsense"}),
    ("/v1/kpis", {"metric": "calls", "by": "planet"}),
    ("/v1/kpis", {"metric": "calls", "grain": "decade"}),
    ("/v1/kpis", {"metric": "calls", "from_": "2026-02-30"}),
    ("/v1/kpis", {"metric": "calls", "from_": "yesterday"}),
    ("/v1/kpis", {"metric": "calls", "from_": "2026-03-02", "to": "2026-03-01"}),
    ("/v1/kpis", {"metric": "calls", "rep": "ann"}),
    ("/v1/kpis", {"metric": "calls", "colour": "red"}),
    ("/v1/kpis", {"metric": "calls", "limit": 501}),
    ("/v1/kpis", {"metric": "calls", "limit": 0}),
    ("/v1/kpis/evidence", {"metric": "calls"}),
    ("/v1/kpis/evidence", {"metric": "calls", "by": "rep", "period_start": "2026-03-01"}),
    ("/v1/kpis/evidence", {"metric": "calls", "key": "x", "period_start": "2026-03-01"}),
    ("/v1/leaderboards/nonsense", {}),
    ("/v1/leaderboards/calls", {"period_start": "9999-13-01"}),
]


class TestRefusals:
    @pytest.mark.parametrize(("path", "query"), REFUSED)
    async def test_wrong_questions_are_refused_by_name(
        self, call: Caller, path: str, query: dict[str, Any]
    ) -> None:
        answer = await call(path, **query)
        assert answer.status == 422
        assert answer.code
        assert answer.pointers

    async def test_what_no_database_stores_is_refused(self, call: Caller) -> None:
        assert (await call("/v1/kpis", metric="calls", region="a\x00b")).status == 400

    async def test_damaged_cursor_is_refused(self, call: Caller) -> None:
        assert (await call("/v1/kpis", metric="calls", cursor="AAAA")).code == "bad_cursor"

    async def test_cursor_of_another_question_is_refused(self, call: Caller, story: UUID) -> None:
        page = await call.kpis("leads_created", grain="day", limit=1)
        other = await call("/v1/kpis", metric="calls", grain="day", cursor=page["next_cursor"])
        assert other.code == "bad_cursor"

    async def test_extreme_dates_are_answered(self, call: Caller, story: UUID) -> None:
        for grain in ("day", "week", "month", "quarter", "year"):
            page = await call.kpis("leads_created", grain=grain, from_="1900-01-01", to="2199-12-31")
            assert page["items"]


class TestEvidence:
    @pytest.mark.parametrize(
        ("metric", "count", "event"),
        [
            ("won_revenue", 1, "cox.leads.stage_changed.v1"),
            ("deals_won", 1, "cox.leads.stage_changed.v1"),
            ("win_rate", 2, "cox.leads.stage_changed.v1"),
            ("sales_cycle_days", 1, "cox.leads.stage_changed.v1"),
            ("first_response_seconds", 1, "cox.activities.activity_recorded.v1"),
            ("first_response_business_seconds", 1, "cox.leads.response_given.v1"),
        ],
    )
    async def test_number_is_proved_by_its_events(
        self, call: Caller, story: UUID, metric: str, count: int, event: str
    ) -> None:
        answer = await call(
            "/v1/kpis/evidence", metric=metric, by="rep", key=call.world.reps["ann"],
            period_start="2026-03-01", grain="month",
        )  # fmt: skip
        items = answer.json()["items"]
        assert [item["type"] for item in items] == [event] * count
        assert {item["rep_id"] for item in items} == {str(call.world.reps["ann"])}

    async def test_event_is_named_with_its_place_and_amount(self, call: Caller, story: UUID) -> None:
        answer = await call("/v1/kpis/evidence", metric="won_revenue", period_start="2026-03-01")
        (item,) = answer.json()["items"]
        assert item["aggregate_id"] == str(story)
        assert (item["aggregate_type"], item["seq"], item["day"]) == ("lead", 4, "2026-03-27")
        assert item["occurred_at"] == "2026-03-27T04:00:00Z"
        assert item["value"] == {"amount": "120000.00", "currency": "CNY"}
        assert (item["region"], item["product"], item["channel"]) == ("east", "lamp", None)

    async def test_nobody_proves_what_they_may_not_see(
        self, call: Caller, story: UUID, worker: Database
    ) -> None:
        async with worker.transaction() as tx:
            await Engine().apply(tx, [call.world.created(new_id(), "2026-03-02T04:00", "bob")])
        query: dict[str, Any] = {
            "metric": "leads_created",
            "by": "rep",
            "key": call.world.reps["bob"],
            "period_start": "2026-03-01",
        }
        assert len((await call("/v1/kpis/evidence", **query)).json()["items"]) == 1
        assert (await call("/v1/kpis/evidence", user="ann", **query)).json()["items"] == []


class TestLeaderboard:
    async def test_best_rep_comes_first_in_the_present_period(
        self, call: Caller, story: UUID, worker: Database
    ) -> None:
        world = call.world
        async with worker.transaction() as tx:
            # In Shanghai it is already the 31st when the clock says 17:00 UTC on the 30th.
            bobs = [world.created(new_id(), "2026-03-31T04:00", "bob") for _ in range(3)]
            await Engine().apply(tx, bobs)
        board = (await call("/v1/leaderboards/leads_created", grain="month")).json()
        assert [(row["rank"], row["label"], row["value"]) for row in board["items"]] == [
            (1, "Bob", 3),
            (2, "Ann", 2),
        ]
        assert (board["metric"], board["period_start"]) == ("leads_created", "2026-03-01")
        today = (await call("/v1/leaderboards/leads_created", grain="day")).json()
        assert [(row["label"], row["value"]) for row in today["items"]] == [("Bob", 3)]
        assert today["period_start"] == "2026-03-31"

    async def test_pages_go_on_by_cursor(self, call: Caller, story: UUID, worker: Database) -> None:
        async with worker.transaction() as tx:
            await Engine().apply(tx, [call.world.created(new_id(), "2026-03-02T04:00", "bob")])
        first = (await call("/v1/leaderboards/leads_created", limit=1)).json()
        rest = (await call("/v1/leaderboards/leads_created", limit=1, cursor=first["next_cursor"])).json()
        assert [row["label"] for row in first["items"] + rest["items"]] == ["Ann", "Bob"]
        assert rest["next_cursor"] is None


class TestDefinitions:
    async def test_every_metric_says_what_it_means(self, call: Caller) -> None:
        items = (await call("/v1/kpis/definitions")).json()["items"]
        assert {item["metric"] for item in items} == set(METRICS)
        rate = next(item for item in items if item["metric"] == "win_rate")
        assert (rate["numerator"], rate["denominator"]) == (["count:won"], ["count:won", "count:lost"])
        assert rate["source_events"] == ["cox.leads.stage_changed.v1"]

    async def test_they_come_in_pages_as_every_list_does(self, call: Caller) -> None:
        whole = (await call("/v1/kpis/definitions")).json()["items"]
        first = (await call("/v1/kpis/definitions", limit=3)).json()
        rest = (await call("/v1/kpis/definitions", cursor=first["next_cursor"])).json()
        assert (first["items"] + rest["items"], rest["next_cursor"]) == (whole, None)


class TestDocument:
    async def test_openapi_names_every_path(self, call: Caller) -> None:
        paths = call.app.openapi()["paths"]
        assert set(paths) == {
            "/v1/kpis", "/v1/kpis/definitions", "/v1/kpis/evidence", "/v1/leaderboards/{metric}",
        }  # fmt: skip
