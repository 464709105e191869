"""Arrays written as text, as a real server reads them."""

from __future__ import annotations

import random

import asyncpg

from shared.database.literals import array_literal
from tests.support.pair import Pair

_MARKS = ['"', "\\", "{", "}", ",", "'", " ", "\n", "\t", "NULL", "null", "a", "华", "😀", "\u00a0", "$1", ""]


class TestArrayLiteral:
    async def test_it_is_read_as_it_was_given_when_texts_hold_what_arrays_are_made_of(
        self, pair: Pair
    ) -> None:
        chance = random.Random(7)
        given: list[list[str | None]] = [[], [None], ["NULL"], [""], [None, '"', "\\"]]
        given += [
            ["".join(chance.choices(_MARKS, k=chance.randrange(6))) for _ in range(40)] for _ in range(50)
        ]
        given += [[each, None] for each in _MARKS]
        connection = await asyncpg.connect(pair.postgres_url)
        try:
            for texts in given:
                assert await connection.fetchval("select $1::text::text[]", array_literal(texts)) == texts
        finally:
            await connection.close()
