"""The page of a form, for people: `/f/{key}`. Who asks for no page (`Accept`) is answered with problems."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from services.gateway.forms import submission
from services.gateway.forms.asked import Language
from services.gateway.forms.page import form_page, headers_of, message_page, thanks_of
from services.gateway.forms.rules import VIA, Form, check_open
from services.gateway.forms.submission import BadSubmission
from services.gateway.forms.submitting import FormOutdated
from services.gateway.forms.visiting import (
    address_of,
    counter_of,
    found,
    language_of,
    origin_headers,
    sent,
)
from services.gateway.forms.wording import TEXTS
from shared.errors import CoxError, Gone, LimitReached, NotFound, Unavailable
from shared.web.context import context_of
from shared.web.problems import status_of

_LONGEST_VIA = 40
_SAID: Mapping[type[CoxError], str] = {
    Gone: "closed",
    NotFound: "unknown",
    FormOutdated: "outdated",
    LimitReached: "later",
    Unavailable: "later",
}


async def get_page(request: Request) -> Response:
    """The form to fill in. Parameters of the address that are none of ours are those of whoever shared it."""
    language = language_of(request)
    try:
        form = check_open(await found(request, request.path_params["key"]))
    except CoxError as error:
        return refusal(request, error, language)
    via = request.query_params.get(VIA)
    page = form_page(
        form,
        language,
        submission=secrets.token_urlsafe(16),
        via=via if via and len(via) <= _LONGEST_VIA else None,
        given={},
    )
    return Response(page, 200, headers_of(form))


async def post_page(request: Request) -> Response:
    """Take what was filled in; what cannot be taken is shown again as it was, with the reason."""
    language = language_of(request)
    form: Form | None = None
    given: Mapping[str, Any] = {}
    try:
        form = check_open(await found(request, request.path_params["key"]))
        origin_headers(request, form)
        counter = counter_of(request)
        given = await sent(request, only_page=True)
        await counter.admit(form, address_of(request))
        left = submission.read(form, given)
        await counter.take(form, left, key=None, at=context_of(request).clock.now())
    except CoxError as error:
        if form is not None and given and isinstance(error, (BadSubmission, LimitReached, Unavailable)):
            return _again(request, form, given, error, language)
        return refusal(request, error, language)
    if form.redirect_url is not None:
        return Response(b"", 303, {"Location": form.redirect_url, "Cache-Control": "no-store"})
    page = message_page(form.title.of(language), thanks_of(form, language), language)
    return Response(page, 200, headers_of(form))


def wants_page(request: Request) -> bool:
    """Whether it is a browser that asks for something to show."""
    return "text/html" in request.headers.get("accept", "").lower()


def refusal(request: Request, error: CoxError, language: Language) -> Response:
    """A page that says why not, to who wants one; to others the problem."""
    if not wants_page(request):
        raise error
    texts = TEXTS[language]
    name = next((name for kind, name in _SAID.items() if isinstance(error, kind)), "refused")
    page = message_page(texts[name], f"{status_of(error)} {error.problem_code}", language)
    return Response(page, status_of(error), _with(error, headers_of(None)))


def _again(
    request: Request, form: Form, given: Mapping[str, Any], error: CoxError, language: Language
) -> Response:
    if not wants_page(request):
        raise error
    bad = isinstance(error, BadSubmission)
    known, via = given.get("submission"), given.get(VIA)
    page = form_page(
        form,
        language,
        submission=known if isinstance(known, str) and len(known) <= 100 else secrets.token_urlsafe(16),
        via=via if isinstance(via, str) and len(via) <= _LONGEST_VIA else None,
        given=given,
        errors=error.errors if bad else (),
        told=TEXTS[language]["check" if bad else "later"],
    )
    return Response(page, status_of(error), _with(error, headers_of(form)))


def _with(error: CoxError, headers: dict[str, str]) -> dict[str, str]:
    """Refusals that pass say when."""
    more = {name: value for name, value in error.headers.items() if name.lower() == "retry-after"}
    return headers | (more or ({"Retry-After": "1"} if isinstance(error, Unavailable) else {}))


ROUTES = (
    Route("/f/{key}", get_page, methods=["GET"]),
    Route("/f/{key}", post_page, methods=["POST"]),
)
"""No part of the OpenAPI document: they are pages, not the API."""
