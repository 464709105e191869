"""Parameters that are arrays arrive as they were given, whatever their elements are."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import asyncpg
import pytest

from shared.database.engine import connect_raw
from shared.settings import Settings
from tests.support.databases import Databases

ONE, TWO = UUID(int=1), UUID(int=2)


@pytest.fixture
async def connection(databases: Databases, settings: Settings) -> Any:
    await databases.require("scoring")
    connection = await connect_raw(settings, "scoring", "worker")
    yield connection
    await connection.close()


class TestArrays:
    @pytest.mark.parametrize(
        ("kind", "given"),
        [
            ("int[]", [1, None, 3]), ("uuid[]", [ONE, TWO]), ("text[]", ["a", "{}", ""]), ("int[]", []),
            ("int[]", [[1, 2], [3, 4]]), ("text[]", [["a"], ["b"]]), ("bytea[]", [b"a", b""]),
        ],
    )  # fmt: skip
    async def test_come_back_as_they_were_sent(self, connection: Any, kind: str, given: list[Any]) -> None:
        assert await connection.fetchval(f"select $1::{kind}", given) == given

    async def test_hold_rows_of_a_table(self, connection: Any) -> None:
        rows = [(ONE, 1, TWO, "[1]"), (TWO, 1, ONE, None)]
        found = await connection.fetch("select * from unnest($1::states[])", rows)
        assert [tuple(row) for row in found] == rows

    @pytest.mark.parametrize("given", [7, "text", {"a": 1}])
    async def test_are_refused_when_they_are_none(self, connection: Any, given: object) -> None:
        with pytest.raises(asyncpg.DataError):
            await connection.fetchval("select $1::int[]", given)
