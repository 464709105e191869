"""The OpenAPI document: FastAPI's, made true. Every problem, header and right that a route has is in it."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import quote

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from fastapi.params import Form
from fastapi.routing import APIRoute

from shared.web.paging import page_query
from shared.web.problems import MEDIA_TYPE, Problem
from shared.web.reads import ReadAccess
from shared.web.routing import dependants_of
from shared.web.waits import MAX_MS
from shared.web.writes import WriteAccess

Json = dict[str, Any]

DESCRIPTIONS = {
    400: "The request cannot be read: JSON, cursor, token, entity tag or address.",
    401: "Nobody is signed in, or the token is not good (any more).",
    403: "Signed in, but not allowed.",
    404: "No such thing, or none that the caller may see.",
    405: "This path has no such method.",
    409: "The present state refuses it; `code` names the rule.",
    410: "It was there, and was ended on purpose.",
    412: "It changed since the caller read it (If-Match).",
    413: "The body is too large.",
    415: "The body's content type is not understood here.",
    422: "Fields or parameters are not as they should be; `errors` names each.",
    429: "Too many requests; try again after Retry-After seconds.",
    500: "Something went wrong on our side; `trace_id` finds it.",
    503: "Not available right now; safe to try again.",
    504: "What Cox-Wait-For names was not applied in time; the detail says how far it is.",
}
_ALWAYS = (400, 401, 403, 404, 422, 429, 500, 503, 504)
_WITH_BODY = (409, 413, 415)
_HEADERS: dict[str, Json] = {
    "Cox-Position": {
        "description": "What this answer rests on, or caused; for Cox-Wait-For of a later request.",
        "schema": {"type": "string"},
    },
    "ETag": {"description": "The version, for If-Match and If-None-Match.", "schema": {"type": "string"}},
    "Location": {"description": "Where the new resource is.", "schema": {"type": "string"}},
    "Retry-After": {"description": "Seconds.", "schema": {"type": "string"}},
}
_TAGS = r'^(\*|(W/)?"[!#-~]*"( *, *(W/)?"[!#-~]*"){0,9})$'
PARAMETERS: dict[str, Json] = {
    "IdempotencyKey": {
        "name": "Idempotency-Key",
        "in": "header",
        "description": "The same key and body give the stored answer for 24 hours; another body gives 422.",
        "schema": {"type": "string", "pattern": "^[!-~]{1,255}$"},
    },
    "IfMatch": {
        "name": "If-Match",
        "in": "header",
        "description": "Act only on this version, else 412.",
        "schema": {"type": "string", "pattern": _TAGS},
    },
    "IfNoneMatch": {
        "name": "If-None-Match",
        "in": "header",
        "description": "304 while this is the version; with Cox-Wait-Ms, waits for the next one.",
        "schema": {"type": "string", "pattern": _TAGS},
    },
    "WaitFor": {
        "name": "Cox-Wait-For",
        "in": "header",
        "description": "Answer only when what this Cox-Position names is applied here, or 504.",
        "schema": {"type": "string", "pattern": "^[A-Za-z0-9_-]{22,600}$"},
    },
    "WaitMs": {
        "name": "Cox-Wait-Ms",
        "in": "header",
        "description": "How long to wait, in milliseconds (default 2000).",
        "schema": {"type": "integer", "minimum": 0, "maximum": MAX_MS},
    },
}


def install(app: FastAPI) -> None:
    """Make `app.openapi()` give this document."""

    def openapi() -> Json:
        if app.openapi_schema is None:
            app.openapi_schema = build(app)
        return app.openapi_schema

    app.openapi = openapi  # type: ignore[method-assign]  # FastAPI's own way to replace it


def build(app: FastAPI) -> Json:
    document = get_openapi(
        title=app.title, version=app.version, description=app.description, routes=app.routes
    )
    _add_components(document)
    for route in app.routes:
        if isinstance(route, APIRoute) and route.include_in_schema:
            for method in route.methods or ():
                operation = document["paths"][route.path_format][method.lower()]
                _describe(operation, route, method)
    _add_links(document["paths"])
    return document


def _add_links(paths: Json) -> None:
    """From what a POST made to every operation on it: `/v1/leads` to those of `/v1/leads/{lead_id}…`."""
    for path, methods in paths.items():
        responses = methods.get("post", {}).get("responses", {})
        made = responses.get("201") or responses.get("202")
        below = [each for each in paths if each.startswith(f"{path}/{{")]
        if made is None or not below:
            continue
        parameter = below[0].removeprefix(f"{path}/{{").partition("}")[0]
        made["links"] = {
            _link_name(each, method): {
                # By place: the gateway gives operations other ids when it merges the documents.
                "operationRef": f"#/paths/{quote(each.replace('/', '~1'), safe='~')}/{method}",
                "parameters": {parameter: "$response.body#/id"},
            }
            for each in below
            for method in paths[each]
        }


def _link_name(path: str, method: str) -> str:
    words = re.sub("[^a-z0-9]+", "_", path.removeprefix("/v1")).strip("_")
    return f"{method}_{words}"


def _add_components(document: Json) -> None:
    components = document.setdefault("components", {})
    schemas = components.setdefault("schemas", {})
    schemas.pop("HTTPValidationError", None)
    schemas.pop("ValidationError", None)
    problem = Problem.model_json_schema(ref_template="#/components/schemas/{model}")
    schemas.update(problem.pop("$defs"))
    schemas["Problem"] = problem
    content = {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}
    components["responses"] = {
        f"Problem{status}": {"description": text, "content": content}
        | ({"headers": {"Retry-After": _HEADERS["Retry-After"]}} if status in (429, 503) else {})
        for status, text in DESCRIPTIONS.items()
    }
    components["parameters"] = PARAMETERS
    components["securitySchemes"] = {
        "bearer": {
            "type": "http",
            "scheme": "bearer",
            "description": "An access token of POST /v1/auth/token, or an API key (`cox_…`).",
        }
    }


def _describe(operation: Json, route: APIRoute, method: str) -> None:
    calls = [each.call for each in dependants_of(route.dependant)]
    write = next((call for call in calls if isinstance(call, WriteAccess)), None)
    read = next((call for call in calls if isinstance(call, ReadAccess)), None)
    is_one = read is not None and page_query not in calls and _answers_something(route)
    _add_problems(operation, has_body=method not in ("GET", "HEAD"), conditional=write is not None)
    _add_parameters(operation, method, write=write is not None, one=is_one)
    if write is not None or is_one:
        _add_headers(operation, is_one=is_one)
    access = write or read
    if access is not None:
        operation["security"] = [{"bearer": []}]
        needs = f"Needs the scope `{access.scope}`."
        operation["description"] = f"{operation.get('description', '')}\n\n{needs}".strip()
    _name_forms(operation, route)


def _answers_something(route: APIRoute) -> bool:
    """And is no stream."""
    return "{" in route.path or route.response_model is not None


def _add_problems(operation: Json, *, has_body: bool, conditional: bool) -> None:
    responses = operation["responses"]
    statuses = [*_ALWAYS, *(_WITH_BODY if has_body else ()), *((412,) if conditional else ())]
    if "HTTPValidationError" in str(responses.get("422", {})):
        del responses["422"]
    for status in sorted(statuses):
        responses.setdefault(str(status), {"$ref": f"#/components/responses/Problem{status}"})


def _add_parameters(operation: Json, method: str, *, write: bool, one: bool) -> None:
    names = []
    if write:
        names += ["IdempotencyKey"] if method == "POST" else []
        names += ["IfMatch"]
    if one:
        names += ["IfNoneMatch"]
    names += ["WaitFor", "WaitMs"]
    parameters = operation.setdefault("parameters", [])
    parameters += [{"$ref": f"#/components/parameters/{name}"} for name in names]


def _add_headers(operation: Json, *, is_one: bool) -> None:
    for status, response in operation["responses"].items():
        if status.startswith("2") and "$ref" not in response:
            headers = response.setdefault("headers", {})
            headers.update({name: _HEADERS[name] for name in ("Cox-Position", "ETag")})
            if status == "201":
                headers["Location"] = _HEADERS["Location"]
    if is_one:
        operation["responses"].setdefault("304", {"description": "Not changed since (If-None-Match)."})


def _name_forms(operation: Json, route: APIRoute) -> None:
    """FastAPI's names of form bodies are made of paths; ours are read by people."""
    if route.body_field is not None and isinstance(route.body_field.field_info, Form):
        operation["requestBody"]["description"] = "A form."
