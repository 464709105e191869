"""Where a scanned code leads: `/c/{key}`."""

from __future__ import annotations

import random
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from services.gateway.codes import use_cases
from services.gateway.codes.rules import Code, check_open
from services.gateway.forms.pages import refusal
from services.gateway.forms.rules import VIA, Form
from services.gateway.forms.visiting import address_of, language_of
from services.gateway.limits.limiter import Limiter
from shared.errors import CoxError
from shared.web.context import context_of

PARTS = 8
"""Rows that a day's scans of one code are spread over."""


async def get_target(request: Request) -> Response:
    """On to where the code leads today, and one scan more. Asking by HEAD is no scan."""
    limiter: Limiter = request.app.state.parts.limiter
    context = context_of(request)
    try:
        await limiter.admit(f"address {address_of(request)}")
        code = check_open(await use_cases.code_by_key(context.database, request.path_params["key"]))
        part = None if request.method == "HEAD" else random.randrange(PARTS)  # noqa: S311 - no secret
        form = await use_cases.scanned(context.database, code, context.clock.now(), part)
    except CoxError as error:
        return refusal(request, error, language_of(request))
    return Response(b"", 302, {"Location": _target(code, form), "Cache-Control": "no-store"})


def _target(code: Code, form: Form | None) -> str:
    if form is not None:
        return f"/f/{form.key}?{urlencode({VIA: code.key})}"
    assert code.url is not None  # noqa: S101 - the table holds one of the two
    return code.url


ROUTES = (Route("/c/{key}", get_target, methods=["GET"]),)
"""No part of the OpenAPI document: nobody but a phone's camera asks for it."""
