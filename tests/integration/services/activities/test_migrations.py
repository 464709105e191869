from __future__ import annotations

import asyncio

from shared.database.migrate import compare, create_databases_and_roles
from tests.support.pair import Pair


class TestMigrations:
    def test_make_what_the_models_say_when_run_from_nothing(self, pair: Pair) -> None:
        asyncio.run(create_databases_and_roles(pair.postgres_url, [], pair.role_password))
        assert compare(pair.postgres_url, "activities") == []
