"""A route's call without what none of ours uses: generators as dependencies, exit stacks, files of forms,
telemetry, background tasks. FastAPI's own way spends a fifth of a small write on them.

What a route takes is still what FastAPI found in its signature, read and checked by FastAPI's functions.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass
from typing import Any, get_type_hints

from fastapi.dependencies.models import Dependant
from fastapi.dependencies.utils import request_body_to_args, request_params_to_args
from fastapi.exceptions import RequestValidationError
from fastapi.params import Form
from pydantic_core import PydanticUndefined
from starlette.requests import Request
from starlette.responses import Response

Handler = Callable[[Request], Coroutine[Any, Any, Response]]
BodyOf = Callable[[Request], Any]

_UNUSED = (
    "cookie_params", "websocket_param_name", "http_connection_param_name", "response_param_name",
    "background_tasks_param_name", "security_scopes_param_name", "own_oauth_scopes", "parent_oauth_scopes",
    "concurrency",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class _Call:
    """A dependency, or the route itself: what is called, with what."""

    call: Callable[..., Awaitable[Any]]
    name: str | None
    needs: tuple[_Call, ...]
    params: tuple[tuple[str, list[Any]], ...]
    request_name: str | None
    is_shared: bool


def lean_handler(
    dependant: Dependant, *, embed: bool, body_of: BodyOf, marks: tuple[type, ...]
) -> Handler | None:
    """What answers a request to this route, or None where it takes something that only FastAPI's way gives.

    `body_of` says what the request's body holds (PydanticUndefined: nothing). Dependencies of the types
    `marks` are not called.
    """
    body = dependant.body_params
    if len(body) > 1 or embed or any(isinstance(field.field_info, Form) for field in body):
        return None
    if not _returns_response(dependant.call) or not _is_plain(dependant, is_route=True):
        return None
    route = _compiled(dependant, marks)

    async def handle(request: Request) -> Response:
        errors: list[Any] = []
        values = await _values(route, request, {}, errors)
        given = body_of(request) if body else PydanticUndefined
        if body and given is PydanticUndefined:
            found, bad = await request_body_to_args(body, given, embed_body_fields=False)
            values.update(found)
            errors.extend(bad)
        elif body:
            values[body[0].name], bad = body[0].validate(given, {}, loc=("body",))
            errors.extend(bad)
        if errors:
            raise RequestValidationError(errors, body=None if given is PydanticUndefined else given)
        response: Response = await route.call(**values)
        return response

    return handle


def _returns_response(endpoint: Any) -> bool:
    try:
        returned = get_type_hints(endpoint).get("return")
    except (NameError, TypeError):
        return False
    return isinstance(returned, type) and issubclass(returned, Response)


def _is_plain(dependant: Dependant, *, is_route: bool = False) -> bool:
    if any(getattr(dependant, name) for name in _UNUSED) or (dependant.body_params and not is_route):
        return False
    return all(_is_plain(each) for each in dependant.dependencies)


def _compiled(dependant: Dependant, marks: tuple[type, ...]) -> _Call:
    assert dependant.call is not None  # noqa: S101 - FastAPI makes none without
    params = (
        ("path_params", dependant.path_params),
        ("query_params", dependant.query_params),
        ("headers", dependant.header_params),
    )
    return _Call(
        dependant.call,
        dependant.name,
        tuple(_compiled(each, marks) for each in dependant.dependencies if not isinstance(each.call, marks)),
        tuple((name, fields) for name, fields in params if fields),
        dependant.request_param_name,
        dependant.use_cache,
    )


async def _values(
    what: _Call, request: Request, known: dict[Callable[..., Any], Any], errors: list[Any]
) -> dict[str, Any]:
    """What to call it with; what cannot be had is told in `errors`. `known`: dependencies solved before."""
    values: dict[str, Any] = {}
    for need in what.needs:
        if need.is_shared and need.call in known:
            solved = known[need.call]
        else:
            so_far = len(errors)
            taken = await _values(need, request, known, errors)
            if len(errors) > so_far:
                continue
            solved = known[need.call] = await need.call(**taken)
        if need.name is not None:
            values[need.name] = solved
    for name, fields in what.params:
        found, bad = request_params_to_args(fields, getattr(request, name))
        values.update(found)
        errors.extend(bad)
    if what.request_name is not None:
        values[what.request_name] = request
    return values
