"""A write: one transaction of the principal, its answer kept under the Idempotency-Key."""

from __future__ import annotations

import hashlib
from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar
from uuid import UUID

from pydantic import BaseModel
from starlette.requests import Request
from starlette.responses import Response

from shared.access.principal import Principal
from shared.database.attempts import attempted
from shared.database.together import Together
from shared.database.transactions import Tx
from shared.events.positions import Position, encode_token
from shared.web.context import context_of, principal_of
from shared.web.disclosures import author_of, witnessed
from shared.web.etags import Condition, etag, parse_condition
from shared.web.idempotency import HEADER, Record, parse_key
from shared.web.waits import POSITION
from shared.web.wire import to_json

T = TypeVar("T")
Item = TypeVar("Item")
Work = Callable[[Tx], Awaitable[T]]
Render = Callable[[T], BaseModel]
JSON = "application/json"


class Write:
    """What a writing route is given. `principal` is who asks; `run` does it."""

    def __init__(self, request: Request, principal: Principal) -> None:
        self._request = request
        self._context = context_of(request)
        self.principal = principal
        match = request.headers.get("if-match")
        self._condition: Condition | None = None if match is None else parse_condition(match, "If-Match")
        key = request.headers.get(HEADER)
        self._key = None if key is None else parse_key(key)

    @property
    def if_match(self) -> int | None:
        """The version that If-Match asks for; None where it is absent or `*`; -1 where it names none of ours.

        Of several tags the newest counts; `check` compares with all of them.
        """
        if self._condition is None or self._condition.any:
            return None
        known = Condition(strong=self._condition.strong).known_version()
        return -1 if known is None else known

    def check(self, version: int) -> None:
        """Raises PreconditionFailed (412) where If-Match is given and names other versions only."""
        if self._condition is not None:
            self._condition.check(version)

    async def run(
        self,
        work: Work[T],
        *,
        render: Render[T] | None = None,
        status: int | Callable[[T], int] = 200,
        location: Callable[[T], str] | None = None,
        secret: bool = False,
        body_sha256: bytes | None = None,
    ) -> Response:
        """Do `work` in one transaction and answer with what `render` makes of its result (nothing: 204).

        `status` may depend on the result. A rendered `version` becomes the ETag; with status 201 a rendered
        `id` the Location, unless `location` says it. `secret`: the answer shows a secret once, so it is not
        kept. `body_sha256` stands for a body that the route reads itself. Tried again after a deadlock; a
        refusal leaves nothing behind.
        """
        record = await self._record(body_sha256)

        async def done() -> Response:
            async with self._context.database.transaction(self.principal.access()) as tx:
                known = None if record is None else await record.take(tx)
                if known is not None:
                    return known
                tx.author = author_of(self._request, self.principal)
                result = await work(tx)
                shown = None if render is None else render(result)
                if shown is not None:
                    witnessed(tx, self._request, [shown])
                answer, resource_id = self._answer(tx.recorded, result, shown, status, location)
                if record is not None:
                    kept = None if secret else bytes(answer.body)
                    headers = {k: v for k, v in answer.headers.items() if k != "content-length"}
                    await record.complete(tx, answer.status_code, headers, kept, resource_id)
            return answer

        return await attempted(done)

    async def run_together(
        self,
        together: Together[Item, T],
        item: Item,
        *,
        render: Render[T],
        position: Callable[[T], Position],
        status: int = 200,
    ) -> Response:
        """Do it in one transaction with others of its kind, and answer as `run` does, with nothing disclosed.

        With an Idempotency-Key it has a transaction of its own: a rival for the key must keep nobody else.
        """
        tenant_id = self.principal.tenant_id
        if self._key is not None:
            return await self.run(
                lambda tx: together.alone(tx, tenant_id, item), render=render, status=status
            )
        result = await together.do(tenant_id, item)
        answer, _ = self._answer([position(result)], result, render(result), status, None)
        return answer

    async def _record(self, body_sha256: bytes | None) -> Record | None:
        if self._key is None:
            return None
        digest = body_sha256 or hashlib.sha256(await self._request.body()).digest()
        scope = self._request.scope
        return Record(self.principal, scope["method"], scope["path"], self._key, digest)

    def _answer(
        self,
        recorded: Sequence[Position],
        result: T,
        shown: BaseModel | None,
        status: int | Callable[[T], int],
        location: Callable[[T], str] | None,
    ) -> tuple[Response, UUID | None]:
        secret = self._context.settings.position_secret.get_secret_value()
        headers = {POSITION: encode_token(recorded, self.principal.tenant_id, secret)}
        if shown is None:
            return Response(b"", 204, headers), None
        code = status(result) if callable(status) else status
        version, id_ = getattr(shown, "version", None), getattr(shown, "id", None)
        if isinstance(version, int):
            headers["ETag"] = etag(version)
        if location is not None:
            headers["Location"] = location(result)
        elif code == 201 and isinstance(id_, UUID):
            headers["Location"] = f"{self._request.scope['path'].rstrip('/')}/{id_}"
        answer = Response(to_json(shown), code, headers, media_type=JSON)
        return answer, id_ if isinstance(id_, UUID) else None


class WriteAccess:
    """The dependency behind `write_access`; OpenAPI reads `scope` from it."""

    def __init__(self, scope: str) -> None:
        self.scope = scope

    async def __call__(self, request: Request) -> Write:
        principal = principal_of(request)
        principal.require(self.scope)
        return Write(request, principal)


def write_access(scope: str) -> WriteAccess:
    """`write: Annotated[Write, Depends(write_access("leads:write"))]`. Raises MissingScope (403)."""
    return WriteAccess(scope)
