"""`Cox-Wait-For` and `Cox-Wait-Ms`: how long a request may wait for what another one caused."""

from __future__ import annotations

import re

from starlette.requests import Request

from shared.errors import FieldError, Invalid
from shared.events.positions import Position, decode_token
from shared.web.context import Context, principal_of
from shared.web.gone import unless_gone

WAIT_FOR = "cox-wait-for"
WAIT_MS = "cox-wait-ms"
POSITION = "Cox-Position"
DEFAULT_MS = 2_000
MAX_MS = 30_000
_NUMBER = re.compile(r"[0-9]{1,6}")


def wait_ms(request: Request, default: int) -> int:
    """`Cox-Wait-Ms`, 0 to 30000. Raises Invalid."""
    text = request.headers.get(WAIT_MS)
    if text is None:
        return default
    if not _NUMBER.fullmatch(text) or int(text) > MAX_MS:
        detail = f"Cox-Wait-Ms is a whole number of milliseconds from 0 to {MAX_MS}"
        raise Invalid(detail, errors=[FieldError("/header/Cox-Wait-Ms", "out_of_range", detail)])
    return int(text)


async def wait_as_asked(request: Request, context: Context, *, body_is_read: bool = True) -> None:
    """Return once this service has applied what `Cox-Wait-For` names; holds no database connection meanwhile.

    Raises BadPosition (400), Invalid (422), NotYet (504); ClientGone, where the body cannot be in the way.
    """
    token = request.headers.get(WAIT_FOR)
    if token is None:
        return
    timeout_ms = wait_ms(request, DEFAULT_MS)
    positions = positions_of(token, request, context)
    if positions and context.applied is not None:
        waiting = context.applied.wait(positions, timeout_ms / 1000)
        await (unless_gone(waiting, request.receive) if body_is_read else waiting)


def positions_of(token: str, request: Request, context: Context) -> list[Position]:
    secret = context.settings.position_secret.get_secret_value()
    return decode_token(token, principal_of(request).tenant_id, secret)
