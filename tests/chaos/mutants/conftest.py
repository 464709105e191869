"""A house of the backbone for each scenario, and what says whether its safeguard is in place."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.chaos.mutants.scene import Scene
from tests.support.backbone import backbone_template, made_house
from tests.support.databases import own_settings
from tests.support.pair import Pair


@pytest.fixture(scope="module")
async def template(pair: Pair) -> AsyncIterator[str]:
    """A database from which each scenario's is cloned."""
    async with backbone_template(own_settings(pair, "m")) as name:
        yield name


@pytest.fixture
async def scene(pair: Pair, template: str) -> AsyncIterator[Scene]:
    async with made_house(own_settings(pair, "m"), template) as house:
        yield Scene(house)
