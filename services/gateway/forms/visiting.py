"""Whoever comes to a public form: from where, from which site, in which language, with what."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from starlette.requests import Request

from services.gateway.forms import use_cases
from services.gateway.forms.asked import Language
from services.gateway.forms.rules import Form
from services.gateway.forms.submission import form_data
from services.gateway.forms.submitting import Counter
from services.gateway.limits.limiter import Limiter
from shared.database.transactions import Database
from shared.errors import FieldError, Forbidden, Invalid
from shared.web.bodies import parse_json, read_body
from shared.web.context import context_of
from shared.web.problems import UnsupportedMediaType

BODY_LIMIT = 64 * 1024
URLENCODED = "application/x-www-form-urlencoded"
_PART = re.compile(r"\s*([a-zA-Z]{1,8})(-[a-zA-Z0-9-]+)?\s*(?:;\s*q=([01](?:\.\d{0,3})?))?\s*")


class OriginNotAllowed(Forbidden):
    code = "origin_not_allowed"
    title = "Pages of that site may not send this form"


async def found(request: Request, key: str) -> Form:
    """The form of an address. Raises UnknownForm, TooManyRequests."""
    limiter: Limiter = request.app.state.parts.limiter
    # A key is not guessed, but who tries to is kept from asking the database without end.
    await limiter.admit(f"address {address_of(request)}")
    database: Database = context_of(request).database
    return await use_cases.form_by_key(database, key)


def counter_of(request: Request) -> Counter:
    taken: Counter = request.app.state.counter
    return taken


def address_of(request: Request) -> str:
    return request.client.host if request.client else "unknown"


def origin_headers(request: Request, form: Form) -> dict[str, str]:
    """What a browser is told about the page that asks; nothing where no page of another site does.

    Raises OriginNotAllowed.
    """
    given = request.headers.getlist("origin")
    if not given:
        return {"Vary": "Origin"}
    if len(given) > 1 or not (_is_own(request, given[0]) or given[0] in form.origins):
        raise OriginNotAllowed(headers={"Vary": "Origin"})
    return {
        "Access-Control-Allow-Origin": given[0],
        "Access-Control-Expose-Headers": "Retry-After",
        "Vary": "Origin",
    }


def _is_own(request: Request, origin: str) -> bool:
    # A proxy before us may speak TLS for us: the host tells, which no page can choose.
    return origin == context_of(request).settings.public_url or (
        origin.startswith(("http://", "https://"))
        and urlsplit(origin).netloc == request.headers.get("host", "")
    )


def language_of(request: Request) -> Language:
    """The first of the two that the browser prefers; English where it names neither."""
    best: tuple[float, Language] = (0.0, "en")
    for part in request.headers.get("accept-language", "")[:500].split(","):
        match = _PART.fullmatch(part)
        if match is None:
            continue
        weight = float(match[3]) if match[3] else 1.0
        name = match[1].lower()
        if weight > best[0] and name in ("zh", "en"):
            best = (weight, "zh" if name == "zh" else "en")
    return best[1]


async def sent(request: Request, *, only_page: bool = False) -> Mapping[str, Any]:
    """The body: a page's form or, unless `only_page`, JSON. Raises UnsupportedMediaType, BodyTooLarge."""
    kind = _media_type(request)
    if kind != URLENCODED and (only_page or kind != "application/json"):
        taken = URLENCODED if only_page else f"application/json or {URLENCODED}"
        raise UnsupportedMediaType(f"The body is {taken}, in UTF-8")
    if request.headers.get("content-encoding", "identity").lower() != "identity":
        raise UnsupportedMediaType("The body is sent as it is, without Content-Encoding")
    body = await read_body(request.receive, BODY_LIMIT, request.headers.get("content-length"))
    if kind == URLENCODED:
        return form_data(body)
    value = parse_json(body)
    if not isinstance(value, dict):
        detail = "An object: each answer under its field's name"
        raise Invalid(detail, errors=[FieldError("", "wrong_type", detail)])
    return value


def _media_type(request: Request) -> str:
    kind, _, parameters = request.headers.get("content-type", "").partition(";")
    charset = parameters.strip().lower().replace('"', "").replace(" ", "")
    if charset not in ("", "charset=utf-8"):
        return ""
    return kind.strip().lower()
