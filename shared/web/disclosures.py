"""Whoever is shown contact data in full is written down, in the transaction that it was read in; and who
changes something is known to the transaction that does it.

A model that shows such data says whose: `discloses`. Reads and writes collect that of what they render, and
tell the service's witness. What is not rendered by them (an export) tells it by `witnessed` itself.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from uuid import UUID

from pydantic import BaseModel
from starlette.requests import Request

from shared.access.principal import Principal
from shared.database.transactions import Author, Tx
from shared.observability.traces import current_trace_id
from shared.web.context import Disclosure, context_of, principal_of
from shared.web.edge import route_of

CLIENT_ADDRESS = "cox-client-address"
"""Where a request came from, as the gateway saw it; it lets no client say so."""
_ADDRESS = re.compile(r"[0-9A-Za-z:.%-]{1,64}")


def witnessed(tx: Tx, request: Request, shown: Iterable[BaseModel]) -> None:
    """Tell the service's witness what these models disclose, if anything."""
    ids: list[UUID] = []
    for model in shown:
        found: Sequence[UUID] = getattr(model, "discloses", ())
        ids += found
    if not ids:
        return
    context = context_of(request)
    if context.witness is None:
        raise RuntimeError(f"{context.service} shows contact data, and nobody writes it down")
    context.witness(
        tx,
        Disclosure(
            principal=principal_of(request),
            at=context.clock.now(),
            route=f"{request.method} {route_of(request.scope)}",
            address=_address(request),
            trace_id=current_trace_id(),
            ids=tuple(ids),
        ),
    )


def author_of(request: Request, who: Principal) -> Author:
    """Who changes something by this request, when, and from where."""
    return Author(
        kind=who.kind,
        principal_id=who.id,
        user_id=who.user_id,
        at=context_of(request).clock.now(),
        route=f"{request.method} {route_of(request.scope)}",
        address=_address(request),
    )


def where_to(request: Request) -> tuple[str, str | None, str | None]:
    """The route that answers (as in `GET /v1/leads/{lead_id}`), the address that it goes to, the trace."""
    return f"{request.method} {route_of(request.scope)}", _address(request), current_trace_id()


def _address(request: Request) -> str | None:
    given = request.headers.get(CLIENT_ADDRESS, "")
    return given if _ADDRESS.fullmatch(given) else None
