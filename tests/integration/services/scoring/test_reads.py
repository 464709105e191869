"""Questions: every metric, dimension, grain and filter against an independent recomputation."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from fractions import Fraction
from random import Random
from typing import Any, get_args
from uuid import UUID

import pytest

from services.scoring.kpis import use_cases
from services.scoring.kpis.apply import Engine
from services.scoring.kpis.catalogue import METRICS
from services.scoring.kpis.periods import Grain
from services.scoring.kpis.queries import answers_statement
from services.scoring.kpis.questions import By, Question, Shape, Slice
from services.scoring.kpis.use_cases import Asked, Row
from services.scoring.kpis.views import Dimension
from shared.database.transactions import Access, Database, Visibility
from tests.integration.services.scoring.histories import past_of
from tests.integration.services.scoring.world import World, in_batches
from tests.support.recompute import Fact, facts_of, start_of, values

Admin = Any
GRAINS: tuple[Grain, ...] = get_args(Grain)
BYS: tuple[By, ...] = get_args(By)


class Told:
    """A tenant whose past has been applied, with the facts that must hold."""

    def __init__(self, world: World, facts: list[Fact]) -> None:
        self.world = world
        self.facts = facts

    def access(
        self, visibility: Visibility = "tenant", user: str = "ann", unit: UUID | None = None
    ) -> Access:
        return Access(self.world.tenant, self.world.reps[user], visibility, unit)

    def under(self, *teams: str) -> set[str]:
        return {str(self.world.teams[name]) for name in teams}


@pytest.fixture
async def told(worker: Database, world: World) -> Told:
    events = past_of(world, 80, Random(42))
    engine = Engine()
    for batch in in_batches(events, 200):
        async with worker.transaction() as tx:
            await engine.apply(tx, batch)
    return Told(world, facts_of(events, world.timezone))


async def ask(
    app: Database,
    access: Access,
    metric: str,
    by: By,
    grain: Grain,
    filters: dict[Dimension, str] | None = None,
    *,
    first: date | None = None,
    last: date | None = None,
) -> list[Row]:
    asked = Asked(METRICS[metric], by, grain, filters or {})
    async with app.transaction(access) as tx:
        rows, _ = await use_cases.list_kpis(tx, access, asked, first, last, after=None, limit=100_000)
    return rows


def table(rows: Sequence[Row], by: By) -> dict[tuple[date, str], Fraction | None]:
    found = {
        (row.period_start, "tenant" if by == "tenant" else row.named.key): row.figure.value for row in rows
    }
    assert len(found) == len(rows), "one row per key and period"
    return found


class TestNumbers:
    @pytest.mark.parametrize("metric", METRICS)
    async def test_every_dimension_and_grain_equals_a_recomputation(
        self, app: Database, told: Told, metric: str
    ) -> None:
        for by in BYS:
            for grain in GRAINS:
                rows = await ask(app, told.access(), metric, by, grain)
                assert table(rows, by) == values(told.facts, metric, by, grain), (by, grain)

    @pytest.mark.parametrize("metric", ["deals_won", "win_rate", "won_revenue", "calls", "sales_cycle_days"])
    async def test_every_filter_and_combination_equals_a_recomputation(
        self, app: Database, told: Told, metric: str
    ) -> None:
        world = told.world
        single: dict[Dimension, str] = {
            "rep": str(world.reps["ann"]),
            "team": str(world.teams["east"]),
            "region": "north",
            "product": "desk",
            "channel": "web",
        }
        combinations: list[tuple[Dimension, ...]] = [
            ("rep",), ("team",), ("region",), ("product",), ("channel",), ("rep", "team"),
            ("team", "product"),
            ("rep", "region", "channel"), ("rep", "team", "region", "product", "channel"),
        ]  # fmt: skip
        for names in combinations:
            filters = {name: single[name] for name in names}
            kept = [fact for fact in told.facts if all(getattr(fact, name) == single[name] for name in names)]
            for by in BYS:
                rows = await ask(app, told.access(), metric, by, "quarter", filters)
                assert table(rows, by) == values(kept, metric, by, "quarter"), (names, by)

    async def test_team_filter_takes_the_subtree_while_a_teams_row_is_its_own(
        self, app: Database, told: Told
    ) -> None:
        region: dict[Dimension, str] = {"team": str(told.world.regions["east"])}
        rows = await ask(app, told.access(), "leads_assigned", "team", "year", region)
        assert {row.named.key for row in rows} == told.under("east")
        kept = [fact for fact in told.facts if fact.team in told.under("east")]
        assert table(rows, "team") == values(kept, "leads_assigned", "team", "year")

    async def test_periods_are_whole_when_from_and_to_touch_them(self, app: Database, told: Told) -> None:
        first, last = date(2026, 1, 14), date(2026, 2, 11)
        for grain in GRAINS:
            rows = await ask(app, told.access(), "calls", "tenant", grain, first=first, last=last)
            whole = values(told.facts, "calls", "tenant", grain)
            touched = {
                key: value
                for key, value in whole.items()
                if start_of(grain, first) <= key[0] <= start_of(grain, last)
            }
            assert table(rows, "tenant") == touched
            assert touched

    async def test_nothing_is_answered_when_a_filter_is_of_nobody(self, app: Database, told: Told) -> None:
        strangers: dict[Dimension, str] = {"rep": str(told.world.tenant), "region": "nowhere"}
        for name, value in strangers.items():
            assert await ask(app, told.access(), "calls", "tenant", "year", {name: value}) == []

    async def test_labels_are_present_names(self, app: Database, told: Told, admin: Admin) -> None:
        world = told.world
        await admin.execute(
            "update org_users set display_name = '安娜' where tenant_id = $1 and id = $2",
            world.tenant, world.reps["ann"],
        )  # fmt: skip
        rows = await ask(app, told.access(), "leads_assigned", "rep", "year")
        assert {row.named.label for row in rows} == {"安娜", "Bob", "Cat"}
        rows = await ask(app, told.access(), "leads_assigned", "region", "year")
        assert {row.named.label for row in rows} == {"East", "West", "north"}

    async def test_pages_together_are_the_whole_list_when_read_one_by_one(
        self, app: Database, told: Told
    ) -> None:
        whole = await ask(app, told.access(), "leads_assigned", "rep", "week")
        asked = Asked(METRICS["leads_assigned"], "rep", "week", {})
        after, pages = None, []
        while True:
            async with app.transaction(told.access()) as tx:
                rows, _ = await use_cases.list_kpis(
                    tx, told.access(), asked, None, None, after=after, limit=7
                )
            if not rows:
                break
            pages += rows
            after = (rows[-1].period_start, rows[-1].surrogate)
        assert pages == whole
        assert len(whole) > 14


class TestVisibility:
    async def test_rep_sees_their_own_numbers_only(self, app: Database, told: Told) -> None:
        own = [fact for fact in told.facts if fact.rep == str(told.world.reps["ann"])]
        for by in BYS:
            rows = await ask(app, told.access("own"), "leads_assigned", by, "month")
            assert table(rows, by) == values(own, "leads_assigned", by, "month"), by

    @pytest.mark.parametrize("visibility", ["team", "subtree"])
    async def test_lead_of_a_unit_sees_its_teams_and_their_own(
        self, app: Database, told: Told, visibility: Visibility
    ) -> None:
        world = told.world
        unit = world.teams["west"] if visibility == "team" else world.regions["west"]
        access = told.access(visibility, "ann", unit)
        seen = [
            fact
            for fact in told.facts
            if fact.team in told.under("west") or fact.rep == str(world.reps["ann"])
        ]
        for by in BYS:
            for metric in ("calls", "win_rate"):
                rows = await ask(app, access, metric, by, "month")
                assert table(rows, by) == values(seen, metric, by, "month"), (by, metric)

    @pytest.mark.parametrize("visibility", ["own", "team", "subtree"])
    async def test_predicate_alone_shows_the_same_when_row_level_security_does_not_help(
        self, app: Database, worker: Database, told: Told, visibility: Visibility
    ) -> None:
        """The worker's role sees every row: what is left out is left out by the question itself."""
        unit = told.world.regions["west"] if visibility == "subtree" else told.world.teams["west"]
        access = told.access(visibility, "ann", unit)
        for by in BYS:
            both = [await ask(each, access, "calls", by, "month") for each in (app, worker)]
            assert both[0] == both[1]
            asked = Asked(METRICS["calls"], "tenant", "year", {})
            proofs = []
            for each in (app, worker):
                async with each.transaction(access) as tx:
                    found = await use_cases.list_evidence(
                        tx, access, asked, None, date(2026, 3, 1), after=None, limit=10_000
                    )
                    proofs.append(found[0])
            assert proofs[0] == proofs[1]

    async def test_team_of_a_region_is_not_seen_when_visibility_ends_at_the_unit_itself(
        self, app: Database, told: Told
    ) -> None:
        access = told.access("team", "cat", told.world.regions["east"])
        rows = await ask(app, access, "leads_assigned", "rep", "year")
        assert {row.named.label for row in rows} == {"Cat"}

    async def test_another_tenant_sees_nothing(self, app: Database, told: Told, admin: Admin) -> None:
        other = World()
        await other.store_org(admin)
        access = Access(other.tenant, other.reps["ann"], "tenant")
        assert await ask(app, access, "leads_assigned", "rep", "year") == []

    @pytest.mark.parametrize("visibility", ["own", "team", "subtree"])
    async def test_row_level_security_hides_what_the_predicate_hides_when_it_is_forgotten(
        self, app: Database, told: Told, visibility: Visibility
    ) -> None:
        world = told.world
        unit = world.regions["west"] if visibility == "subtree" else world.teams["west"]
        access = told.access(visibility, "ann", unit)
        async with app.transaction(access) as tx:
            raw = await tx.raw()
            seen = await raw.fetch(
                "select (select key from dimensions where id = rep) as rep,"
                " (select key from dimensions where id = team) as team from facts"
            )
            views = {row[0] for row in await raw.fetch("select distinct view from cells")}
        teams = set() if visibility == "own" else told.under("west")
        assert {(row["rep"] == str(world.reps["ann"])) or row["team"] in teams for row in seen} == {True}
        assert views == ({1} if visibility == "own" else {1, 2})

    async def test_app_may_not_change_numbers(self, app: Database, told: Told) -> None:
        async with app.transaction(told.access()) as tx:
            raw = await tx.raw()
            for name in ("facts", "cells", "states", "dimensions", "kpi_notices"):
                for right in ("insert", "update", "delete"):
                    assert not await raw.fetchval("select has_table_privilege($1, $2)", name, right)


class TestSources:
    @pytest.mark.parametrize(
        ("by", "names", "source"),
        [
            ("tenant", (), "cells"), ("rep", (), "cells"), ("rep", ("team",), "cells"),
            ("team", ("rep",), "cells"), ("tenant", ("product",), "cells"),
            ("product", ("team",), "facts"), ("rep", ("channel",), "facts"),
        ],
    )  # fmt: skip
    async def test_cells_answer_when_a_view_knows_every_dimension(
        self, by: By, names: tuple[Dimension, ...], source: str
    ) -> None:
        chosen = Slice({name: frozenset({1}) for name in names})
        question = Question(
            UUID(int=1), METRICS["win_rate"], by, "month", date(2026, 1, 1), date(2026, 1, 31), chosen
        )
        assert f"FROM {source}" in str(answers_statement(Shape.of(question))).replace("\n", "")


class TestEvidence:
    async def evidence(self, app: Database, told: Told, metric: str, by: By, key: str | None) -> list[Any]:
        asked = Asked(METRICS[metric], by, "year", {})
        async with app.transaction(told.access()) as tx:
            found, _ = await use_cases.list_evidence(
                tx, told.access(), asked, key, date(2026, 3, 1), after=None, limit=10_000
            )
        return found

    @pytest.mark.parametrize("metric", METRICS)
    async def test_there_are_as_many_events_as_the_number_counts(
        self, app: Database, told: Told, metric: str
    ) -> None:
        definition = METRICS[metric]
        for by in BYS:
            for row in await ask(app, told.access(), metric, by, "year", first=date(2026, 1, 1)):
                key = None if by == "tenant" else row.named.key
                found = await self.evidence(app, told, metric, by, key)
                if definition.kind in ("money", "mean") and metric != "average_deal":
                    total = sum(Fraction(proof.event.amount, definition.scale) for proof in found)
                    assert total == row.figure.numerator
                    assert len(found) == (row.figure.denominator or len(found))
                else:
                    assert len(found) == (row.figure.denominator or row.figure.numerator)

    async def test_pages_together_are_the_whole_evidence(self, app: Database, told: Told) -> None:
        whole = await self.evidence(app, told, "leads_assigned", "tenant", None)
        asked = Asked(METRICS["leads_assigned"], "tenant", "year", {})
        after, pages = None, []
        while True:
            async with app.transaction(told.access()) as tx:
                found, _ = await use_cases.list_evidence(
                    tx, told.access(), asked, None, date(2026, 3, 1), after=after, limit=5
                )
            if not found:
                break
            pages += found
            after = (found[-1].event.at_us, found[-1].event.event_id)
        assert pages == whole
        assert len(whole) > 10


class TestLeaderboard:
    async def test_reps_stand_by_value_when_ranked(self, app: Database, told: Told) -> None:
        asked = Asked(METRICS["won_revenue"], "rep", "year", {})
        async with app.transaction(told.access()) as tx:
            places, _ = await use_cases.leaderboard(tx, told.access(), asked, date(2026, 5, 5))
        expected = {
            key[1]: value
            for key, value in values(told.facts, "won_revenue", "rep", "year").items()
            if key[0].year == 2026 and value is not None
        }
        order = sorted(expected, key=lambda key: -(expected[key] or 0))
        assert [named.key for _, named in places] == order
        assert [standing.rank for standing, _ in places] == list(range(1, len(order) + 1))
