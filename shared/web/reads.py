"""A read: in a transaction of the principal, with entity tags and waiting for the next change."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from typing import TypeVar

from pydantic import BaseModel
from starlette.requests import Request
from starlette.responses import Response

from shared.access.principal import Principal
from shared.database.transactions import Tx
from shared.errors import NotFound
from shared.events.positions import Position, encode_token
from shared.web.context import context_of, principal_of
from shared.web.cursors import Value
from shared.web.disclosures import witnessed
from shared.web.etags import Condition, etag, parse_condition
from shared.web.gone import unless_gone
from shared.web.paging import PageQuery
from shared.web.waits import POSITION, wait_ms
from shared.web.wire import to_json

T = TypeVar("T")


class Read:
    """What a reading route is given."""

    def __init__(self, request: Request, principal: Principal) -> None:
        self._request = request
        self._context = context_of(request)
        self.principal = principal

    def transaction(self) -> AbstractAsyncContextManager[Tx]:
        """A transaction that sees what the principal may see."""
        return self._context.database.transaction(self.principal.access())

    def respond(
        self, shown: BaseModel, *, position: str | None = None, version: int | None = None
    ) -> Response:
        """What is no aggregate: tagged by its version or else its content, 304 where the caller has it.

        `position` is the token to answer with, if there is one. Cox-Wait-Ms is not heeded.
        """
        body = to_json(shown)
        tag = int.from_bytes(hashlib.sha256(body).digest()[:7]) if version is None else version
        headers = {"ETag": etag(tag)} | ({POSITION: position} if position else {})
        known = self._known()
        if known is not None and known.names(tag):
            return Response(b"", 304, headers)
        return Response(body, headers=headers, media_type="application/json")

    async def one(
        self,
        load: Callable[[Tx], Awaitable[T | None]],
        render: Callable[[T], BaseModel],
        *,
        position: Callable[[T], Position],
        version: Callable[[T], int] | None = None,
    ) -> Response:
        """One resource with ETag and Cox-Position; `position` names its newest event: its seq is the version.

        With If-None-Match naming the present version: 304, or with Cox-Wait-Ms the next version as soon as
        there is one. Raises NotFound where `load` finds nothing.
        """
        known = self._known()
        seen = 0
        until = time.monotonic() + (wait_ms(self._request, 0) / 1000 if known is not None else 0)
        while True:
            async with self.transaction() as tx:
                found = await load(tx)
                if found is None:
                    raise NotFound
                at = position(found)
                tag = at.seq if version is None else version(found)
                shown = render(found) if known is None or not known.names(tag) else None
                if shown is not None:
                    witnessed(tx, self._request, [shown])
            headers = self._headers(at, tag)
            if shown is not None:
                return Response(to_json(shown), 200, headers, media_type="application/json")
            # The aggregate may have newer events that left this resource as it was: wait beyond them.
            seen = max(seen, at.seq)
            newer = await self._newer(Position(at.stream, at.aggregate_id, seen), until - time.monotonic())
            if newer is None:
                return Response(b"", 304, headers)
            seen = newer

    async def page(
        self,
        page: PageQuery,
        load: Callable[[Tx], Awaitable[Sequence[T]]],
        *,
        key: Callable[[T], Sequence[Value]],
        render: Callable[[T], BaseModel],
    ) -> Response:
        """A page of what may show contact data; see `PageQuery.answer`."""
        async with self.transaction() as tx:
            kept, cursor = page.cut(await load(tx), key)
            shown = [render(row) for row in kept]
            witnessed(tx, self._request, shown)
        return page.respond(shown, cursor)

    async def _newer(self, position: Position, left_s: float) -> int | None:
        if left_s <= 0 or self._context.changes is None:
            return None
        waiting = self._context.changes.wait(self.principal.access(), position, left_s)
        return await unless_gone(waiting, self._request.receive)

    def _known(self) -> Condition | None:
        value = self._request.headers.get("if-none-match")
        return None if value is None else parse_condition(value, "If-None-Match")

    def _headers(self, at: Position, version: int) -> dict[str, str]:
        secret = self._context.settings.position_secret.get_secret_value()
        return {"ETag": etag(version), POSITION: encode_token([at], self.principal.tenant_id, secret)}


class ReadAccess:
    """The dependency behind `read_access`; OpenAPI reads `scope` from it."""

    def __init__(self, scope: str) -> None:
        self.scope = scope

    async def __call__(self, request: Request) -> Read:
        principal = principal_of(request)
        principal.require(self.scope)
        return Read(request, principal)


def read_access(scope: str) -> ReadAccess:
    """`read: Annotated[Read, Depends(read_access("leads:read"))]`. Raises MissingScope (403)."""
    return ReadAccess(scope)
