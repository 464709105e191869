"""The write path: what a batch leaves in states, facts and cells, whatever came first."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from random import Random
from typing import Any
from uuid import UUID

import pytest

from services.scoring.kpis.apply import Engine, StateAppeared
from services.scoring.kpis.catalogue import Measure
from services.scoring.kpis.tables import SLOT_NAMES
from shared.access.directory import TenantUnknown
from shared.database.transactions import Database
from shared.events.envelope import Received
from shared.events.faults import Fault, fault_of
from shared.ids import new_id
from tests.integration.services.scoring.histories import interleaved, past_of
from tests.integration.services.scoring.world import World, in_batches
from tests.support.recompute import facts_of

Admin = Any  # asyncpg's connection; its class cannot be subscripted at run time

NET = """select measure, day, sum(n)::int as n, sum(v)::bigint as v,
(select key from dimensions d where d.tenant_id = f.tenant_id and d.id = rep) as rep,
(select key from dimensions d where d.tenant_id = f.tenant_id and d.id = team) as team,
(select key from dimensions d where d.tenant_id = f.tenant_id and d.id = region) as region,
(select key from dimensions d where d.tenant_id = f.tenant_id and d.id = product) as product,
(select key from dimensions d where d.tenant_id = f.tenant_id and d.id = channel) as channel
from facts f where tenant_id = $1 group by tenant_id, measure, day, rep, team, region, product, channel
having sum(n) <> 0 or sum(v) <> 0"""
_SLOTS = ", ".join(SLOT_NAMES)
CELLS = f"""select view, grain, period, key, team, {_SLOTS} from cells
where tenant_id = $1 and ({_SLOTS}) <> ({", ".join("0" for _ in SLOT_NAMES)})
order by view, grain, period, key, team"""  # noqa: S608 - our own columns
MEASURES = {
    "leads_created": Measure.CREATED, "leads_assigned": Measure.ASSIGNED, "stage_moves": Measure.MOVED,
    "deals_won": Measure.WON, "deals_lost": Measure.LOST, "revenue": Measure.REVENUE, "cycle": Measure.CYCLE,
    "response": Measure.RESPONSE, "visits": Measure.VISIT, "calls": Measure.CALL, "tasks": Measure.TASK,
    "worked_response": Measure.WORKED_RESPONSE,
}  # fmt: skip


async def apply(worker: Database, engine: Engine, events: Sequence[Received]) -> None:
    async with worker.transaction() as tx:
        await engine.apply(tx, events)


async def net_facts(admin: Admin, tenant: UUID) -> dict[tuple[Any, ...], tuple[int, int]]:
    return {
        (
            row["measure"],
            row["day"],
            row["rep"],
            row["team"],
            row["region"],
            row["product"],
            row["channel"],
        ): (
            row["n"],
            row["v"],
        )
        for row in await admin.fetch(NET, tenant)
    }


def expected_net(events: Sequence[Received], timezone: str) -> dict[tuple[Any, ...], tuple[int, int]]:
    counts: Counter[tuple[Any, ...]] = Counter()
    amounts: Counter[tuple[Any, ...]] = Counter()
    for fact in facts_of(events, timezone):
        key = (MEASURES[fact.name], fact.day, fact.rep, fact.team, fact.region, fact.product, fact.channel)
        counts[key] += 1
        amounts[key] += fact.amount
    return {key: (n, amounts[key]) for key, n in counts.items()}


class TestApply:
    @pytest.mark.parametrize("size", [1, 7, 5_000])
    async def test_facts_equal_an_independent_recomputation_when_a_past_is_applied_in_batches(
        self, worker: Database, admin: Admin, world: World, size: int
    ) -> None:
        events = past_of(world, 40, Random(size))
        engine = Engine()
        for batch in in_batches(events, size):
            await apply(worker, engine, batch)
        assert await net_facts(admin, world.tenant) == expected_net(events, world.timezone)

    async def test_cells_are_the_same_when_batches_and_order_differ(
        self, worker: Database, admin: Admin
    ) -> None:
        """The same past told to two tenants, event by event to one, mixed anew and in bulk to the other."""
        told = []
        for size, shuffle in ((1, None), (50, Random(3))):
            world = World(reps=REPS, teams=TEAMS)
            await world.store_org(admin)
            events = past_of(world, 30, Random(11))
            if shuffle is not None:
                events = interleaved(events, shuffle)
            for batch in in_batches(events, size):
                await apply(worker, Engine(), batch)
            told.append(await named_cells(admin, world.tenant))
        assert told[0] == told[1]
        assert len(told[0]) > 500

    async def test_cells_equal_the_facts_when_summed(
        self, worker: Database, admin: Admin, world: World
    ) -> None:
        engine = Engine()
        for batch in in_batches(past_of(world, 40, Random(5)), 20):
            await apply(worker, engine, batch)
        kept = {tuple(row)[:5]: tuple(row)[5:] for row in await admin.fetch(CELLS, world.tenant)}
        rows = await admin.fetch("select * from facts where tenant_id = $1", world.tenant)
        assert kept == summed(rows)

    async def test_numbers_are_right_when_two_consumers_meet_on_the_same_leads(
        self, worker: Database, admin: Admin, world: World
    ) -> None:
        """Leads' events and activities come through different consumers; both fold into the lead's state.

        Who finds that the other has just made it tries again, as the consumer's loop does.
        """
        events = past_of(world, 60, Random(9))
        streams = [
            [each for each in events if each.stream == stream] for stream in ("cox.leads", "cox.activities")
        ]

        async def consume(mine: Sequence[Received]) -> None:
            engine = Engine()
            for batch in in_batches(mine, 5):
                applied = False
                while not applied:
                    with suppress(StateAppeared):
                        await apply(worker, engine, batch)
                        applied = True

        assert fault_of(StateAppeared()) is Fault.PASSING
        await asyncio.gather(*(consume(mine) for mine in streams))
        assert await net_facts(admin, world.tenant) == expected_net(events, world.timezone)

    async def test_batch_is_to_be_tried_again_when_its_tenant_is_not_known_yet(
        self, worker: Database
    ) -> None:
        stranger = World()
        with pytest.raises(TenantUnknown) as raised:
            await apply(worker, Engine(), [stranger.created(new_id(), "2026-03-02T01:00")])
        assert fault_of(raised.value) is Fault.PASSING

    async def test_dimensions_are_right_when_the_tables_were_emptied_under_a_running_consumer(
        self, worker: Database, admin: Admin, world: World
    ) -> None:
        engine = Engine()
        await apply(worker, engine, [world.created(new_id(), "2026-03-02T01:00", "bob")])
        await admin.execute("truncate dimensions, states, facts, cells restart identity")
        await apply(worker, engine, [world.created(new_id(), "2026-03-02T01:00", "ann")])
        net = await net_facts(admin, world.tenant)
        assert [(key[2], n) for key, (n, _) in net.items()] == [(str(world.reps["ann"]), 1)]

    async def test_nothing_is_announced_when_events_are_of_the_past(
        self, worker: Database, admin: Admin, world: World
    ) -> None:
        lead = new_id()
        engine = Engine()
        await apply(worker, engine, [world.created(lead, "2026-03-02T01:00", "ann", historic=True)])
        query = "select rep, measures, days from kpi_notices where tenant_id = $1 order by rep"
        assert await admin.fetch(query, world.tenant) == []
        await apply(worker, engine, [world.assigned(lead, "2026-03-02T01:05", "bob")])
        rows = await admin.fetch(query, world.tenant)
        assert [row["measures"] for row in rows] == [1 << Measure.ASSIGNED] * 2
        assert rows[0]["rep"] == 0


REPS = {name: new_id() for name in ("ann", "bob", "cat")}
TEAMS = {"east": new_id(), "west": new_id()}


async def named_cells(admin: Admin, tenant: UUID) -> set[tuple[Any, ...]]:
    """Cells with their keys' own names instead of surrogates."""
    names = {row["id"]: row["key"] for row in await admin.fetch("select id, key from dimensions")} | {0: None}
    return {
        (row["view"], row["grain"], row["period"], names[row["key"]], names[row["team"]], *tuple(row)[5:])
        for row in await admin.fetch(CELLS, tenant)
    }


def summed(rows: Sequence[Any]) -> dict[tuple[Any, ...], tuple[int, ...]]:
    """Cells as they must be, from the facts alone: the slots' order is written out here once more."""
    counts = [(measure, "n") for measure in range(1, 7)]
    sums = [(6, "v"), (7, "n"), (7, "v"), (8, "n"), (8, "v")]
    slots = [*counts, *sums, (9, "n"), (10, "n"), (11, "n"), (12, "n"), (12, "v")]
    cells: dict[tuple[Any, ...], list[int]] = {}
    for row in rows:
        keys = [(0, 0, 0), (1, row["rep"], row["team"]), (2, row["team"], 0), (3, row["region"], 0)]
        keys += [(4, row["product"], 0), (5, row["channel"], 0)]
        for view, key, team in keys:
            for grain, period in enumerate((row["day"], row["day"].replace(day=1))):
                cell = cells.setdefault((view, grain, period, key, team), [0] * len(slots))
                for place, (measure, column) in enumerate(slots):
                    cell[place] += row[column] if row["measure"] == measure else 0
    return {key: tuple(cell) for key, cell in cells.items() if any(cell)}
