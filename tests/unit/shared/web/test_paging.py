from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import orjson
import pytest
from pydantic import BaseModel

from shared.web.cursors import Cursors, fingerprint
from shared.web.paging import PageQuery

CURSORS = Cursors("a secret of sixteen")
MINE = fingerprint("tenant", "/v1/things", [])


class Thing(BaseModel):
    number: int


def walked(rows: Sequence[int], *, limit: int, descending: bool = False) -> list[list[int]]:
    """The numbers of every page, as a client follows the cursors."""
    pages: list[list[int]] = []
    after: tuple[Any, ...] | None = None
    while True:
        answer = PageQuery(limit, after, CURSORS, MINE).answer_of_all(
            rows, key=lambda row: (row,), render=lambda row: Thing(number=row), descending=descending
        )
        page = orjson.loads(answer.body)
        pages.append([item["number"] for item in page["items"]])
        if page["next_cursor"] is None:
            return pages
        after = CURSORS.decode(page["next_cursor"], MINE)


class TestListsLoadedWhole:
    @pytest.mark.parametrize(
        ("rows", "pages"),
        [([], [[]]), ([1], [[1]]), ([1, 2], [[1, 2]]), ([1, 2, 3], [[1, 2], [3]])],
    )
    def test_each_row_comes_once_in_order_when_pages_are_followed(
        self, rows: list[int], pages: list[list[int]]
    ) -> None:
        assert walked(rows, limit=2) == pages

    def test_pages_go_downwards_when_the_newest_is_first(self) -> None:
        assert walked([5, 4, 3, 2, 1], limit=2, descending=True) == [[5, 4], [3, 2], [1]]
