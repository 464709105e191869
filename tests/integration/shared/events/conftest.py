"""A database that holds the backbone and one table of aggregates, and topics of its own, for each test."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack

import pytest

from tests.support import backbone
from tests.support.backbone import NOON, SERVICE, STREAM, THINGS, House, finished, made_house, started
from tests.support.databases import own_settings
from tests.support.pair import Pair

__all__ = ["NOON", "SERVICE", "STREAM", "THINGS", "House", "finished", "started"]

MakeHouse = Callable[[], Awaitable[House]]


@pytest.fixture
async def make_house(pair: Pair, backbone_template: str) -> AsyncIterator[MakeHouse]:
    async with AsyncExitStack() as stack:

        async def make() -> House:
            return await stack.enter_async_context(made_house(own_settings(pair, "x"), backbone_template))

        yield make


@pytest.fixture
async def house(make_house: MakeHouse) -> House:
    return await make_house()


@pytest.fixture(scope="session")
async def backbone_template(pair: Pair) -> AsyncIterator[str]:
    """A database with the backbone's schema, from which each test's is cloned."""
    async with backbone.backbone_template(own_settings(pair, "x")) as name:
        yield name
