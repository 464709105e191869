"""Fixtures for every test: the run's servers, each file's databases and topics."""

from __future__ import annotations

import os
import secrets
from contextlib import ExitStack
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck
from hypothesis import settings as hypothesis_settings

from tests.support.databases import Databases, own_settings
from tests.support.logs import log_into_pytest
from tests.support.pair import SOCKET_VARIABLE, Pair, ask_for_pair, kept_for_the_run
from tests.support.schedule import pytest_xdist_make_scheduler

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from shared.settings import Settings

__all__ = ["pytest_xdist_make_scheduler"]

_RUN = pytest.StashKey[ExitStack]()

# No test asserts a time, the library's own limits on an example's duration included. How many examples were
# drawn in vain is chance too; one that finds none at all fails in any case.
hypothesis_settings.register_profile(
    "search",
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much],
)
# The same tree has the same outcome each time; `--hypothesis-profile search` looks where nobody has looked.
hypothesis_settings.register_profile(
    "coxswain", parent=hypothesis_settings.get_profile("search"), derandomize=True, database=None
)
hypothesis_settings.load_profile("coxswain")


def pytest_configure(config: pytest.Config) -> None:
    """The run's first process holds the servers' keeper; xdist's workers inherit its address."""
    log_into_pytest()
    if SOCKET_VARIABLE in os.environ or hasattr(config, "workerinput"):
        return
    config.stash[_RUN] = ExitStack()
    config.stash[_RUN].enter_context(kept_for_the_run())


def pytest_unconfigure(config: pytest.Config) -> None:
    if _RUN in config.stash:
        config.stash[_RUN].close()


@pytest.fixture(scope="session")
def worker_name() -> str:
    """`main`, or xdist's name of this worker (`gw0`)."""
    return os.environ.get("PYTEST_XDIST_WORKER", "main")


@pytest.fixture(scope="session")
def pair() -> Pair:
    """PostgreSQL and Kafka of this run; started when first asked for."""
    return ask_for_pair()


@pytest.fixture(scope="module")
def settings(pair: Pair, worker_name: str) -> Settings:
    """Settings whose databases and topics are this file's own. Ask `databases` to make the databases."""
    return own_settings(pair, f"{worker_name}_{secrets.token_hex(3)}")


@pytest.fixture(scope="module")
async def databases(pair: Pair, settings: Settings) -> AsyncIterator[Databases]:
    """`await databases.require("leads")` makes this file's database of a service by its migrations."""
    made = Databases(pair, settings.database_prefix)
    yield made
    await made.drop()


@pytest.fixture(scope="module")
async def topics(settings: Settings) -> str:
    """This file's topics, made on Kafka; the value is their prefix.

    They are no other file's: a relay refuses to publish behind a record that its journal does not hold, and
    some tests publish as another service would.
    """
    from shared.events.topics import ensure_topics

    await ensure_topics(settings.kafka_bootstrap, settings.topic_prefix)
    return settings.topic_prefix
