"""Lists: `{"items": […], "next_cursor": … | null}`, by `limit` and `cursor`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Generic, TypeVar

import orjson
from fastapi import Query
from pydantic import BaseModel
from starlette.requests import Request
from starlette.responses import Response

from shared.web.context import context_of, principal_of
from shared.web.cursors import MAX_LENGTH, Cursors, Value, fingerprint, parameters_of
from shared.web.wire import WireModel, to_json

R = TypeVar("R")
I = TypeVar("I")  # noqa: E741 - items

DEFAULT_LIMIT = 50
MAX_LIMIT = 500

Limit = Annotated[int, Query(ge=1, le=MAX_LIMIT, description="How many items at most.")]
CursorText = Annotated[
    str | None,
    Query(
        max_length=MAX_LENGTH, description="`next_cursor` of the page before; the other parameters as then."
    ),
]


class Page(WireModel, Generic[I]):
    """One page. `next_cursor` is null on the last."""

    items: list[I]
    next_cursor: str | None


@dataclass(frozen=True, slots=True)
class PageQuery:
    """Which page is asked for. `after` are the sort values of the row before it, None on the first page.

    Load `limit + 1` rows: the one too many says that there is a next page.
    """

    limit: int
    after: tuple[Any, ...] | None
    cursors: Cursors
    bound_to: bytes

    @property
    def after_two(self) -> tuple[Any, Any] | None:
        """`after` of a list in the order of two values."""
        return None if self.after is None else (self.after[0], self.after[1])

    def cut(self, rows: Sequence[R], key: Callable[[R], Sequence[Value]]) -> tuple[list[R], str | None]:
        """The page's rows of the `limit + 1` loaded, and the next cursor. `key` gives the sort values."""
        if len(rows) <= self.limit:
            return list(rows), None
        kept = list(rows[: self.limit])
        return kept, self.cursors.encode(key(kept[-1]), self.bound_to)

    def answer(
        self,
        rows: Sequence[R],
        *,
        key: Callable[[R], Sequence[Value]],
        render: Callable[[R], BaseModel],
        extra: dict[str, Any] | None = None,
    ) -> Response:
        """The page as a response; `extra` stands beside `items` and `next_cursor`."""
        kept, cursor = self.cut(rows, key)
        return self.respond([render(row) for row in kept], cursor, extra)

    def respond(
        self, shown: Sequence[BaseModel], cursor: str | None, extra: dict[str, Any] | None = None
    ) -> Response:
        """The page of these, which goes on at `cursor`."""
        items = b",".join(to_json(each) for each in shown)
        rest = orjson.dumps({"next_cursor": cursor} | (extra or {}))
        return Response(b'{"items":[' + items + b"]," + rest[1:], media_type="application/json")

    def answer_of_all(
        self,
        rows: Sequence[R],
        *,
        key: Callable[[R], tuple[Any, ...]],
        render: Callable[[R], BaseModel],
        descending: bool = False,
        extra: dict[str, Any] | None = None,
    ) -> Response:
        """The page of a short list that was loaded whole, in the order of `key`."""
        after = self.after
        if after is not None:
            rows = [row for row in rows if (key(row) < after if descending else key(row) > after)]
        return self.answer(rows[: self.limit + 1], key=key, render=render, extra=extra)


async def page_query(request: Request, limit: Limit = DEFAULT_LIMIT, cursor: CursorText = None) -> PageQuery:
    """`page: Annotated[PageQuery, Depends(page_query)]`. Raises BadCursor (400)."""
    cursors = context_of(request).cursors
    own = parameters_of(request.query_params.multi_items())
    bound_to = fingerprint(principal_of(request).tenant_id, request.scope["path"], own)
    after = None if cursor is None else cursors.decode(cursor, bound_to)
    return PageQuery(limit, after, cursors, bound_to)
