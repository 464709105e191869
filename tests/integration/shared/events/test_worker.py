"""The way of an event: journal, relay, Kafka, consumer, position."""

from __future__ import annotations

from shared.events.appside import AppSide
from shared.events.consuming.consumer import Reaction
from shared.events.positions import Position
from tests.integration.shared.events.conftest import SERVICE, STREAM, House, finished, started
from tests.integration.shared.events.working import TIMEOUT_S, Notes, working


class TestOnePath:
    async def test_an_event_reaches_projection_and_reaction_once_when_it_is_recorded(
        self, house: House
    ) -> None:
        seen, acted = Notes("gateway.seen"), Notes("gateway.acted", Reaction)
        async with working(house, seen.handlers, acted.handlers):
            thing = await house.created(started(1), finished(1))
            await seen.reaches(house, thing, 2)
            await acted.reaches(house, thing, 2)

        assert await seen.of(house, thing) == await acted.of(house, thing) == [1, 2]
        assert await house.value("select count(*) from outbox_pending") == 0

    async def test_a_waiting_request_returns_when_the_projection_applied_it(self, house: House) -> None:
        seen = Notes("gateway.seen")
        side = AppSide(house.settings, SERVICE, [seen.handlers])
        async with working(house, seen.handlers), side.running():
            thing = await house.created()
            await side.applied.wait([Position(STREAM, thing, 1)], TIMEOUT_S)
            assert await seen.of(house, thing) == [1]
        await side.database.dispose()
