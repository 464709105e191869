"""Whose turn it is among the parts of an import."""

from __future__ import annotations

import asyncio

import pytest

from services.leads.capture.row_import.turns import Turns
from shared.ids import new_id

TENANT, RUN = new_id(), new_id()
BEFORE, OTHER = (TENANT, RUN, 1000), (TENANT, RUN, 2000)


class Line:
    """The empty line of a body, whenever it comes."""

    def __init__(self) -> None:
        self.come: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.left = False

    async def __call__(self) -> None:
        try:
            await self.come
        except asyncio.CancelledError:
            self.left = True
            raise


async def passes() -> None:
    """Whatever can go on has gone on."""
    for _ in range(5):
        await asyncio.sleep(0)


class TestTurns:
    async def test_a_part_goes_on_when_the_one_before_is_over_though_its_line_has_not_come(self) -> None:
        turns, line = Turns(), Line()
        waiting = asyncio.create_task(turns.wait(BEFORE, line()))
        await passes()
        turns.over(OTHER)
        await passes()
        assert not waiting.done()
        turns.over(BEFORE)
        await waiting
        assert line.left

    async def test_a_part_goes_on_when_its_line_comes_though_nothing_is_heard_of_the_one_before(self) -> None:
        turns, line = Turns(), Line()
        waiting = asyncio.create_task(turns.wait(BEFORE, line()))
        await passes()
        line.come.set_result(None)
        await waiting

    async def test_a_part_that_says_nothing_of_others_waits_for_its_line(self) -> None:
        turns, line = Turns(), Line()
        waiting = asyncio.create_task(turns.wait(None, line()))
        await passes()
        turns.over(None)
        await passes()
        assert not waiting.done()
        line.come.set_result(None)
        await waiting

    async def test_it_is_told_when_the_line_does_not_come(self) -> None:
        turns, line = Turns(), Line()
        line.come.set_exception(ValueError("not whole"))
        with pytest.raises(ValueError, match="not whole"):
            await turns.wait(BEFORE, line())

    async def test_what_was_over_before_somebody_waits_is_forgotten(self) -> None:
        turns, line = Turns(), Line()
        turns.over(BEFORE)
        waiting = asyncio.create_task(turns.wait(BEFORE, line()))
        await passes()
        assert not waiting.done()
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        assert line.left
