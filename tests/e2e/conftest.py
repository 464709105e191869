"""One running product for all end-to-end tests; each test has a tenant of its own.

It has databases and topics of its own: its workers act on whatever stands there, also on what tests of one
service put down.
"""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from services.activities.leads_known import waiting
from services.gateway.live import older, tail
from services.gateway.proxy import forward
from shared.access import freshness
from shared.events.topics import ensure_topics
from shared.settings import Settings
from tests.e2e.support.house import SERVICES, House, running_house
from tests.support.databases import Databases, own_settings
from tests.support.pair import Pair
from tests.support.speaking import Tenant

PATIENCE_S = 120.0
_IMPATIENT = (
    (freshness, "WAIT_S"), (waiting, "LONGEST_S"), (forward, "_CONNECT_S"), (tail, "START_S"),
    (older, "_READ_S"),
)  # fmt: skip
"""How long the product lets somebody wait for what must come, before it says that it has not. A machine may
be slower than people are patient; how fast it comes is not what these tests are about.
"""


@pytest.fixture(scope="package", autouse=True)
def patience() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        for module, name in _IMPATIENT:
            patch.setattr(module, name, PATIENCE_S)
        yield


@pytest.fixture(scope="package")
def settings(pair: Pair) -> Settings:
    return own_settings(pair, f"e2e_{secrets.token_hex(3)}")


@pytest.fixture(scope="package")
async def databases(pair: Pair, settings: Settings) -> AsyncIterator[Databases]:
    made = Databases(pair, settings.database_prefix)
    yield made
    await made.drop()


@pytest.fixture(scope="package")
async def topics(settings: Settings) -> str:
    await ensure_topics(settings.kafka_bootstrap, settings.topic_prefix)
    return settings.topic_prefix


@pytest.fixture(scope="package")
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
