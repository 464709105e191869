"""Routes open to all: `/v1/public/forms/{key}`."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated, Any

from fastapi import Depends, Path, Request
from fastapi.responses import Response

from services.gateway.forms import submission
from services.gateway.forms.models import PublicFormOut, ReceivedOut
from services.gateway.forms.page import thanks_of
from services.gateway.forms.rules import Form, check_open
from services.gateway.forms.visiting import (
    BODY_LIMIT,
    URLENCODED,
    address_of,
    counter_of,
    found,
    language_of,
    origin_headers,
    sent,
)
from shared.errors import CoxError
from shared.web.context import Now
from shared.web.idempotency import HEADER, parse_key
from shared.web.routing import Router, StreamedBody
from shared.web.wire import to_json

router = Router(prefix="/v1/public/forms", tags=["forms"])
Key = Annotated[str, Path(pattern="^[A-Za-z0-9_-]{22}$", description="The form's `key`.")]
_NO_STORE = {"Cache-Control": "no-store"}
_GONE = {"responses": {"410": {"$ref": "#/components/responses/Problem410"}}}
_ANSWERS: dict[str, Any] = {
    "type": "object",
    "description": "Each answer under its field's name, as `GET` lists them; `consent`: the purposes agreed "
    "to; `via`: the key of the code that they came by. Other names are refused.",
    "additionalProperties": True,
    "example": {"name": "王伟", "phone": "13800138000", "consent": ["contact"]},
}
_BODY = {
    "required": True,
    "description": f"At most {BODY_LIMIT} bytes.",
    "content": {"application/json": {"schema": _ANSWERS}, URLENCODED: {"schema": _ANSWERS}},
}
_KEYED = {"parameters": [{"$ref": "#/components/parameters/IdempotencyKey"}]}


@asynccontextmanager
async def _visited(request: Request, key: str) -> AsyncIterator[tuple[Form, dict[str, str]]]:
    """The form with the headers for the page that asks, which refusals have as well."""
    form = await found(request, key)
    headers = origin_headers(request, form)
    try:
        yield check_open(form), headers
    except CoxError as error:
        error.headers |= headers
        raise


@router.get("/{key}", response_model=PublicFormOut, openapi_extra=_GONE)
async def get_public_form(key: Key, request: Request) -> Response:
    """What a form asks; for pages of one's own that show it. Nobody has to sign in."""
    async with _visited(request, key) as (form, headers):
        body = to_json(PublicFormOut.of(form))
    return Response(body, headers=headers | _NO_STORE, media_type="application/json")


@router.post(
    "/{key}",
    status_code=201,
    response_model=ReceivedOut,
    dependencies=[Depends(StreamedBody())],
    openapi_extra={"requestBody": _BODY, **_KEYED, **_GONE},
)
async def post_public_form(key: Key, request: Request, at: Now) -> Response:
    """Leave one's data. The answer is the same whether the person is known already or not, and shows nothing
    of what became of it. After 503 nothing was kept: send it again, with the same Idempotency-Key.
    """
    async with _visited(request, key) as (form, headers):
        counter = counter_of(request)
        await counter.admit(form, address_of(request))
        given = request.headers.get(HEADER)
        known = None if given is None else parse_key(given)
        left = submission.read(form, await sent(request))
        await counter.take(form, left, key=known, at=at)
    message = thanks_of(form, language_of(request))
    shown = ReceivedOut(received=True, message=message, redirect_url=form.redirect_url)
    # No Cox-Position, which would name the lead, or tell that there is none.
    return Response(to_json(shown), 201, headers | _NO_STORE, media_type="application/json")


async def options_public_form(request: Request) -> Response:
    """What a browser asks before a page of another site sends the form."""
    form = await found(request, request.path_params["key"])
    headers = origin_headers(request, form)
    if "Access-Control-Allow-Origin" in headers:
        headers |= {
            "Access-Control-Allow-Methods": "GET, POST",
            "Access-Control-Allow-Headers": "Content-Type, Idempotency-Key, Accept-Language",
            "Access-Control-Max-Age": "600",
        }
    return Response(b"", 204, headers | {"Allow": "GET, POST, OPTIONS"})


router.add_route("/v1/public/forms/{key}", options_public_form, methods=["OPTIONS"], include_in_schema=False)
