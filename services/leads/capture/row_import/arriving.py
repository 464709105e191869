"""Rows as they arrive: a line of what all of them share, lines of rows, an empty one once they may be taken.

Rows are read and made ready while those before them are stored, and wait for the empty line, or for the part
before (see `turns`): so parts are taken in the file's order, and the app is not idle between them.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal

from pydantic import Field
from starlette.requests import ClientDisconnect, Request

from services.leads.capture.intake.models import drafted
from services.leads.capture.row_import.rules import Asked, KeyKind, Mode
from shared.database.transactions import Visibility
from shared.errors import CoxError, Malformed
from shared.events.breathing import Breather
from shared.web.bodies import BodyTooLarge, ClientGone, parse_json
from shared.web.wire import Id, Int64, Line, WireModel, parse

MAX_ROWS = 1000
MOST_BYTES = 32 * 1024 * 1024
Emptied = Literal[
    "name", "phone", "email", "company", "source", "channel", "campaign", "region", "product", "value",
    "tags", "credit_code", "wecom_id", "label", "value_class", "intent",
]  # fmt: skip


class NotWhole(Malformed):
    code = "not_whole"
    title = "The rows are not as many as were announced, or end before they are to be taken"


class RowIn(WireModel):
    """A row: the lead as `POST /v1/leads` takes it, and what only files say. `digest` names what it says."""

    external_id: Annotated[str, Line(200)]
    digest: Annotated[str, Line(64)]
    lead: dict[str, Any]
    owner_id: Id | None = None
    emptied: list[Emptied] = Field(default_factory=list)


class RowsIn(WireModel):
    """A line of rows."""

    items: list[RowIn] = Field(max_length=MAX_ROWS)


class AskerIn(WireModel):
    """Who asked for the import, and how far they see."""

    user_id: Id
    visibility: Visibility
    unit_id: Id | None = None


class SharedIn(WireModel):
    """What all rows share. `rows`: how many come; `after` and `last`: the numbers of the last row before them
    and of their own last one; `dry_run`: everything is done, and taken back.
    """

    rows: Annotated[int, Field(ge=1, le=MAX_ROWS)]
    asker: AskerIn
    after: Int64 | None = None
    last: Int64 | None = None
    run: Id = Field(description="The import; rows that it made count as made when they are sent again.")
    source: Annotated[str, Line(100)]
    mode: Mode = "create"
    key: KeyKind | None = None
    dry_run: bool = False


@dataclass(slots=True)
class Arrived:
    """Up to 1,000 rows of one source; in the place of a bad one stands what is wrong with it."""

    shared: SharedIn
    lines: AsyncIterator[bytes]
    rows: list[Asked | CoxError] = field(default_factory=list)

    async def turn(self) -> None:
        """Once they may be taken. Raises ClientGone: they may not; NotWhole."""
        if await anext(self.lines, None) != b"":
            raise NotWhole


async def arrived(request: Request) -> Arrived:
    """All the rows, which wait for their turn. Raises Malformed, Invalid, BodyTooLarge, ClientGone."""
    lines = _lines(request)
    found = Arrived(parse(SharedIn, parse_json(await anext(lines, b""))), lines)
    breather = Breather()
    while len(found.rows) < found.shared.rows:
        await breather.breathe()
        if not (line := await anext(lines, b"")):
            raise NotWhole
        found.rows += _asked(parse(RowsIn, parse_json(line)).items)
    if len(found.rows) > found.shared.rows:
        raise NotWhole(f"{len(found.rows)} rows came instead of {found.shared.rows}")
    return found


async def _lines(request: Request) -> AsyncIterator[bytes]:
    """Whole ones, without their ends."""
    begun, size = b"", 0
    try:
        async for block in request.stream():
            size += len(block)
            if size > MOST_BYTES:
                raise BodyTooLarge(f"A body has at most {MOST_BYTES} bytes here")
            *whole, begun = (begun + block).split(b"\n")
            for line in whole:
                yield line
    except ClientDisconnect as error:
        raise ClientGone from error


def _asked(items: Sequence[RowIn]) -> Iterator[Asked | CoxError]:
    for item, draft in zip(items, drafted([item.lead for item in items]), strict=True):
        if isinstance(draft, CoxError):
            yield draft
        else:
            yield Asked(item.external_id, item.digest, draft, item.owner_id, tuple(item.emptied))
