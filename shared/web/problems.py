"""Every error as `application/problem+json` (RFC 9457): one table from broken rules to status."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

import asyncpg
import orjson
from fastapi.exceptions import RequestValidationError
from opentelemetry import trace
from pydantic import Field
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.types import Scope

from shared import errors
from shared.database.errors import DatabaseUnavailable, is_transient, sqlstate
from shared.errors import CoxError
from shared.web.field_errors import request_errors
from shared.web.wire import WireModel

log = logging.getLogger(__name__)

MEDIA_TYPE = "application/problem+json"
RETRY_AFTER_S = "1"


class UnsupportedMediaType(CoxError):
    code = "unsupported_media_type"
    title = "The body's content type is not understood here"


class MethodNotAllowed(CoxError):
    code = "method_not_allowed"
    title = "This path has no such method"


class UnstorableValue(errors.Invalid):
    code = "unstorable_value"
    title = "A value cannot be stored"


STATUS: dict[type[CoxError], int] = {
    errors.Malformed: 400,
    errors.Unauthenticated: 401,
    errors.Forbidden: 403,
    errors.NotFound: 404,
    MethodNotAllowed: 405,
    errors.Conflict: 409,
    errors.Gone: 410,
    errors.PreconditionFailed: 412,
    errors.TooLarge: 413,
    UnsupportedMediaType: 415,
    errors.Invalid: 422,
    errors.LimitReached: 429,
    CoxError: 500,
    errors.Unavailable: 503,
    errors.NotYet: 504,
}
_BY_STATUS: dict[int, type[CoxError]] = {status: kind for kind, status in STATUS.items()}


class ProblemField(WireModel):
    """One bad field: where (a JSON pointer), a stable code, and what would be right."""

    pointer: str = Field(examples=["/phone"])
    code: str = Field(examples=["required"])
    detail: str


class Problem(WireModel):
    """What went wrong (RFC 9457). `code` is stable; `trace_id` finds the request in logs and traces."""

    type: str = Field(examples=["urn:coxswain:problem:invalid_request"])
    title: str
    status: int = Field(ge=400, le=599)
    detail: str
    instance: str
    trace_id: str
    code: str
    errors: list[ProblemField]


# What a database's absence looks like; another OSError (a missing file) is our own fault.
_OF_A_DATABASE = (
    DBAPIError,
    PoolTimeout,
    asyncpg.PostgresError,
    asyncpg.InterfaceError,
    ConnectionError,
    TimeoutError,
)


def status_of(error: CoxError) -> int:
    return next(STATUS[kind] for kind in type(error).__mro__ if kind in STATUS)


def as_cox_error(error: BaseException) -> CoxError:
    """Any exception as one of our tree; what nobody foresaw becomes a 500 that says nothing of its inside."""
    match error:
        case CoxError():
            return error
        case RequestValidationError():
            found = request_errors(error.errors())
            return errors.Invalid("Fields are missing or not as they should be; see errors", errors=found)
        case HTTPException():
            return _from_http(error)
    if isinstance(error, _OF_A_DATABASE) and is_transient(error):
        return DatabaseUnavailable("The database is not available right now; try again")
    return _from_database(error) or CoxError(
        "Something went wrong on our side; the trace id finds it in the logs"
    )


def _from_http(error: HTTPException) -> CoxError:
    kind = _BY_STATUS.get(error.status_code, errors.Malformed if error.status_code < 500 else CoxError)
    detail = error.detail if error.detail != _phrase(error.status_code) else ""
    return kind(detail, headers=error.headers)


def _phrase(status: int) -> str:
    return HTTPStatus(status).phrase if status in HTTPStatus._value2member_map_ else ""


def _from_database(error: BaseException) -> CoxError | None:
    """The last net below the wire types: what PostgreSQL refuses about values is the caller's to mend."""
    state = sqlstate(error) or ""
    if state.startswith("22"):
        return UnstorableValue("A value in the request cannot be stored as it is")
    if state.startswith("23"):
        return errors.Conflict("It contradicts what is already stored")
    if state == "42501":
        return errors.Forbidden("Not within what you may see or change")
    return None


def trace_id() -> str:
    """The current trace's id as 32 hex digits; zeros outside any trace."""
    return format(trace.get_current_span().get_span_context().trace_id, "032x")


def document(error: CoxError, instance: str) -> dict[str, Any]:
    """The problem as a JSON object."""
    return {
        "type": f"urn:coxswain:problem:{error.problem_code}",
        "title": error.title,
        "status": status_of(error),
        "detail": error.detail,
        "instance": instance,
        "trace_id": trace_id(),
        "code": error.problem_code,
        "errors": [{"pointer": e.pointer, "code": e.code, "detail": e.detail} for e in error.errors],
    }


def answer(error: BaseException, scope: Scope) -> Response:
    """The response to a request that ended in `error`; the unforeseen is logged, never shown."""
    cox = as_cox_error(error)
    status = status_of(cox)
    _log(error, cox, status, scope)
    body = _dumps(document(cox, scope.get("path", "")))
    return Response(body, status, headers=_headers(cox, status), media_type=MEDIA_TYPE)


def _headers(error: CoxError, status: int) -> Mapping[str, str]:
    headers = dict(error.headers)
    lowered = {name.lower() for name in headers}
    if status == 401 and "www-authenticate" not in lowered:
        headers["WWW-Authenticate"] = "Bearer"
    if status in (429, 503) and "retry-after" not in lowered:
        headers["Retry-After"] = RETRY_AFTER_S
    return headers


def _dumps(value: dict[str, Any]) -> bytes:
    try:
        return orjson.dumps(value)
    except (TypeError, ValueError):
        # A lone surrogate found its way into a message; show it escaped.
        cleaned = {
            k: v.encode("utf-8", "backslashreplace").decode() if isinstance(v, str) else v
            for k, v in value.items()
        }
        return orjson.dumps(cleaned | {"errors": []})


def _log(error: BaseException, cox: CoxError, status: int, scope: Scope) -> None:
    where = (scope.get("method", ""), scope.get("path", ""))
    if isinstance(error, (CoxError, RequestValidationError, HTTPException)) and status != 500:
        return
    if status == 500:
        log.error("unforeseen error at %s %s", *where, exc_info=error)
    else:
        # Never the error's text: PostgreSQL repeats values in it, which may be personal.
        kind = f"{type(error).__name__} {sqlstate(error) or ''}".rstrip()
        log.warning("%s at %s %s: %s", cox.problem_code, *where, kind)
