from __future__ import annotations

from shared.database.migrate import compare
from tests.support.pair import Pair


class TestMigrations:
    def test_make_what_the_models_say_when_run_from_nothing(self, pair: Pair) -> None:
        assert compare(pair.postgres_url, "activities") == []
