"""Waiting: returned when applied, told how far when late, refused at once when it cannot come."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from uuid import UUID

import pytest

from shared.database.transactions import Access
from shared.errors import NotYet
from shared.events import waiting
from shared.events.appside import AppSide
from shared.events.positions import Position
from shared.events.waiting import Blocked
from shared.ids import new_id
from tests.integration.shared.events.conftest import SERVICE, STREAM, House
from tests.integration.shared.events.working import TIMEOUT_S, Notes

LONG_S = 240.0
SHORT_S = 0.2


class Side:
    """An app's side over a projection whose positions the test sets by hand."""

    def __init__(self, house: House, *projections: Notes) -> None:
        self.house = house
        self.app = AppSide(house.settings, SERVICE, [notes.handlers for notes in projections])

    async def at(
        self, thing: UUID, seq: int, *, dead_seq: int | None = None, consumer: str = "gateway.notes"
    ) -> None:
        await self.house.admin.execute(
            """insert into positions values ($1, $2, $3, $4, 1, $5, null, $6, 0, false)
            on conflict (consumer, stream, aggregate_id) do update set seq = $5, dead_seq = $6""",
            consumer, STREAM, thing, self.house.tenant, seq, dead_seq,
        )  # fmt: skip

    async def wait(self, thing: UUID, seq: int, timeout: float = LONG_S) -> None:
        await self.app.applied.wait([Position(STREAM, thing, seq)], timeout)


@pytest.fixture(autouse=True)
def patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever is late is told how far it is, on a slow machine too."""
    monkeypatch.setattr(waiting, "LAST_LOOK_S", LONG_S)


@pytest.fixture
async def side(house: House) -> AsyncIterator[Side]:
    made = Side(house, Notes("gateway.notes"))
    await house.admin.execute(
        "insert into consumers (name, kind, adopts) values ('gateway.notes', 'projection', false)"
    )
    async with made.app.running():
        yield made
    await made.app.database.dispose()


class TestApplied:
    async def test_it_returns_at_once_when_it_is_applied_already(self, side: Side) -> None:
        thing = new_id()
        await side.at(thing, 5)
        await side.wait(thing, 5)
        await side.wait(thing, 3)

    async def test_it_is_told_apart_when_no_time_is_given(self, side: Side) -> None:
        thing = new_id()
        await side.at(thing, 5)
        await side.wait(thing, 5, 0)
        with pytest.raises(NotYet, match="seq 5 of 6"):
            await side.wait(thing, 6, 0)

    async def test_it_returns_when_it_is_applied_later(self, side: Side) -> None:
        things = [new_id() for _ in range(20)]
        waits = [asyncio.create_task(side.wait(thing, 2)) for thing in things]
        for thing in things:
            await side.at(thing, 1)
            await side.at(thing, 2)
        await asyncio.gather(*waits)

    async def test_it_says_how_far_it_is_when_time_is_up(self, side: Side) -> None:
        thing = new_id()
        await side.at(thing, 1)
        with pytest.raises(NotYet, match=r"gateway.notes is at seq 1 of 2") as raised:
            await side.wait(thing, 2, SHORT_S)
        assert raised.value.problem_code == "not_yet_applied"

    async def test_it_is_refused_at_once_when_the_event_is_a_dead_letter_or_behind_one(
        self, side: Side
    ) -> None:
        thing = new_id()
        await side.at(thing, 1, dead_seq=2)
        for seq in (2, 3):
            with pytest.raises(Blocked):
                await side.wait(thing, seq)
        await side.wait(thing, 1)

    async def test_it_is_waited_for_when_the_event_is_parked_for_one_that_is_late(self, side: Side) -> None:
        thing = new_id()
        await side.at(thing, 1)
        await side.house.admin.execute("update positions set parked = 1")
        await side.house.admin.execute(
            "insert into parked values ('gateway.notes', $1, $2, 1, 3, $3, 't', 0, 0, 0, '[]', '')",
            STREAM, thing, new_id(),
        )  # fmt: skip
        with pytest.raises(NotYet) as raised:
            await side.wait(thing, 3, SHORT_S)
        assert raised.value.problem_code == "not_yet_applied"
        waiting = asyncio.create_task(side.wait(thing, 3))
        await side.at(thing, 3)
        await waiting

    async def test_all_are_waited_for_when_several_projections_read_the_stream(self, house: House) -> None:
        names = ("gateway.first", "gateway.second")
        side = Side(house, *(Notes(name) for name in names))
        thing = new_id()
        for name in names:
            await house.admin.execute("insert into consumers values ($1, 'projection', 1, false)", name)
        async with side.app.running():
            await side.at(thing, 1, consumer="gateway.first")
            with pytest.raises(NotYet, match=r"gateway\.second is at seq 0 of 1"):
                await side.wait(thing, 1, SHORT_S)
            await side.at(thing, 1, consumer="gateway.second")
            await side.wait(thing, 1)
        await side.app.database.dispose()

    async def test_it_returns_at_once_when_no_projection_reads_the_stream(self, side: Side) -> None:
        await side.app.applied.wait([Position("cox.scoring", new_id(), 9)], LONG_S)

    async def test_the_live_generation_counts_when_there_are_two(self, side: Side) -> None:
        thing = new_id()
        await side.at(thing, 1)
        await side.at(thing, 4, consumer="gateway.notes#2")
        with pytest.raises(NotYet):
            await side.wait(thing, 4, SHORT_S)
        await side.house.admin.execute("update consumers set generation = 2")
        await side.wait(thing, 4)

    async def test_no_connection_is_held_when_requests_wait(self, side: Side) -> None:
        waits = [asyncio.create_task(side.wait(new_id(), 1)) for _ in range(200)]
        busy = (
            "select count(*) from pg_stat_activity where datname = current_database() and usename = 'cox_app'"
        )
        await asyncio.sleep(0)
        async with side.house.transaction() as tx:
            assert await tx.connection.fetchval("select 1") == 1
        assert await side.house.value(busy) <= side.house.settings.pool_size + 3
        for task in waits:
            task.cancel()
        await asyncio.gather(*waits, return_exceptions=True)


class TestChanges:
    async def test_it_returns_the_newest_seq_when_the_aggregate_changes(self, side: Side) -> None:
        thing = await side.house.created()
        access = Access(side.house.tenant)
        wait = asyncio.create_task(side.app.changes.wait(access, Position(STREAM, thing, 1), LONG_S))
        await side.house.changed(thing)

        assert await asyncio.wait_for(wait, TIMEOUT_S) == 2

    async def test_it_returns_nothing_when_nothing_changes_or_it_is_another_tenants(self, side: Side) -> None:
        thing = await side.house.created()
        await side.house.changed(thing)
        position = Position(STREAM, thing, 1)

        assert await side.app.changes.wait(Access(new_id()), position, SHORT_S) is None
        assert (
            await side.app.changes.wait(Access(side.house.tenant), Position(STREAM, thing, 2), SHORT_S)
            is None
        )
        assert await side.app.changes.wait(Access(side.house.tenant), position, LONG_S) == 2
