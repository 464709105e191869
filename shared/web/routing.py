"""Routers whose routes take nothing that they do not name: no stray parameter, field or content type."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator
from inspect import iscoroutinefunction
from typing import Any, get_origin

from fastapi import APIRouter
from fastapi.dependencies.models import Dependant
from fastapi.params import Form
from fastapi.routing import APIRoute
from pydantic_core import PydanticUndefined
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from shared.errors import FieldError, Invalid
from shared.web.bodies import DEFAULT_LIMIT, parse_json, read_body
from shared.web.context import context_of
from shared.web.lean import Handler, lean_handler
from shared.web.problems import UnsupportedMediaType
from shared.web.waits import WAIT_FOR, wait_as_asked

_JSON = re.compile(r'application/(json|[a-z0-9.+-]+\+json)\s*(;\s*charset="?utf-8"?\s*)?', re.IGNORECASE)
_FORM = ("application/x-www-form-urlencoded", "multipart/form-data")
_WITHOUT_BODY = frozenset({"GET", "HEAD", "OPTIONS", "TRACE"})


class BodyLimit:
    """A route's own limit: `dependencies=[Depends(BodyLimit(16 * MIB))]`."""

    def __init__(self, limit: int) -> None:
        self.limit = limit

    async def __call__(self) -> None:
        """Only read by the route; nothing to do for a request."""


class PerItem:
    """Marks a route that answers for each item of its body by itself, by `wire.parse`:
    `dependencies=[Depends(PerItem())]`. One item that cannot be stored does not refuse the others then.
    """

    async def __call__(self) -> None:
        """Only read by the route; nothing to do for a request."""


class StreamedBody:
    """Marks a route that reads its body itself: `dependencies=[Depends(StreamedBody())]`."""

    async def __call__(self) -> None:
        """Only read by the route; nothing to do for a request."""


class ReadRequest(Request):
    """A request whose body was read and checked before; `value` is what its JSON says."""

    value: Any = None

    async def json(self) -> Any:
        return self.value


class Route(APIRoute):
    """Reads the body within its limit, refuses what the route does not name, waits as `Cox-Wait-For` asks."""

    _lean: Handler | None = None

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        if self._lean is not None:
            self.app = _answering(self._lean)

    def get_route_handler(self) -> Handler:
        taken = list(dependants_of(self.dependant))
        marks = [dependant.call for dependant in taken]
        _check_async(self.path, marks)
        parameters = {field.alias: field for each in taken for field in each.query_params}
        single = frozenset(name for name, field in parameters.items() if not _is_list(field))
        per_item = any(isinstance(mark, PerItem) for mark in marks)
        streamed = any(isinstance(mark, StreamedBody) for mark in marks)
        limit = next((mark.limit for mark in marks if isinstance(mark, BodyLimit)), DEFAULT_LIMIT)
        body = self.body_field
        is_form = body is not None and isinstance(body.field_info, Form)
        takes_body = body is not None
        lean = None
        if not (streamed and takes_body):
            lean = lean_handler(
                self.dependant,
                embed=self._embed_body_fields,
                body_of=_body_of,
                marks=(BodyLimit, PerItem, StreamedBody),
            )
        inner = lean or super().get_route_handler()

        async def handle(request: Request) -> Response:
            check_query(request, parameters, single)
            if not streamed and request.method not in _WITHOUT_BODY:
                request = await _read(
                    request, limit, is_form=is_form, takes_body=takes_body, per_item=per_item
                )
            if WAIT_FOR in request.headers:
                await wait_as_asked(request, context_of(request), body_is_read=not streamed)
            return await inner(request)

        if lean is not None:
            self._lean = handle
        return handle


class Router(APIRouter):
    """An APIRouter of such routes; every service's `api.py` begins with one."""

    def __init__(self, **options: Any) -> None:
        super().__init__(route_class=Route, redirect_slashes=False, **options)


def _answering(handle: Handler) -> ASGIApp:
    """FastAPI's own wraps each request in two exit stacks, and catches what the app catches again."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        answer = await handle(Request(scope, receive, send))
        await answer(scope, receive, send)

    return app


def _body_of(request: Request) -> Any:
    return request.value if isinstance(request, ReadRequest) and request._body else PydanticUndefined


def _check_async(path: str, calls: list[Callable[..., Any] | None]) -> None:
    """Raises TypeError for what FastAPI would run in a thread, which costs more than most routes do."""
    for call in calls:
        if call is not None and not (iscoroutinefunction(call) or iscoroutinefunction(type(call).__call__)):
            raise TypeError(f"{path}: {call!r} is not async")


def dependants_of(dependant: Dependant) -> Iterator[Dependant]:
    """A route's dependencies, with all of theirs."""
    yield dependant
    for inner in dependant.dependencies:
        yield from dependants_of(inner)


def _is_list(field: Any) -> bool:
    return get_origin(field.field_info.annotation) in (list, set, tuple)


def check_query(request: Request, known: dict[str, Any], single: frozenset[str]) -> None:
    """Raises Invalid for query parameters that the route has not, or that stand twice without being lists."""
    if not request.scope["query_string"]:
        return
    given = Counter(name for name, _ in request.query_params.multi_items())
    errors = [
        FieldError(f"/query/{name}"[:200], "unknown_parameter", "There is no such parameter here")
        for name in given
        if name not in known
    ] + [
        FieldError(f"/query/{name}", "repeated_parameter", "This parameter is given once")
        for name, times in given.items()
        if times > 1 and name in single
    ]
    if errors:
        raise Invalid("Parameters of the address are not as they should be; see errors", errors=errors[:100])


async def _read(
    request: Request, limit: int, *, is_form: bool, takes_body: bool, per_item: bool
) -> ReadRequest:
    body = await read_body(request.receive, limit, request.headers.get("content-length"))
    read = ReadRequest(request.scope, request.receive)
    read._body = body  # what Starlette itself keeps after reading
    if is_form:
        _check_form_type(request)
    elif body:
        read.value = _json_of(request, body, per_item=per_item)
        if not takes_body and read.value != {}:
            detail = "Nothing is expected in the body here"
            raise Invalid(detail, errors=[FieldError("", "unknown_field", detail)])
    return read


def _json_of(request: Request, body: bytes, *, per_item: bool) -> Any:
    if not _JSON.fullmatch(request.headers.get("content-type", "")):
        raise UnsupportedMediaType("The body is JSON in UTF-8: Content-Type: application/json")
    if request.headers.get("content-encoding", "identity").lower() != "identity":
        raise UnsupportedMediaType("The body is sent as it is, without Content-Encoding")
    return parse_json(body, per_item=per_item)


def _check_form_type(request: Request) -> None:
    given = request.headers.get("content-type", "").split(";")[0].strip().lower()
    if given not in _FORM:
        raise UnsupportedMediaType(f"The body is a form: {' or '.join(_FORM)}")
