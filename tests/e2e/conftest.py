"""One running product for all end-to-end tests of a worker; each test has a tenant of its own."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from shared.settings import Settings
from tests.e2e.support.house import SERVICES, House, running_house
from tests.e2e.support.speaking import Tenant
from tests.support.databases import Databases


@pytest.fixture(scope="session")
async def house(
    settings: Settings, databases: Databases, topics: str, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[House]:
    await databases.require(*SERVICES)
    folder: Path = tmp_path_factory.mktemp("house")
    async with running_house(settings, folder) as running:
        yield running


@pytest.fixture
async def tenant(house: House) -> Tenant:
    return await house.new_tenant()
