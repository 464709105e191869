"""`/internal/activities/import`: for the gateway's imports, under a service's token."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends
from pydantic import Field
from starlette.requests import Request
from starlette.responses import Response

from services.activities.recording import past
from services.activities.recording.past import Imported, Past
from shared.contracts.activities import ActivityKind
from shared.contracts.base import Dimensions
from shared.database.transactions import Tx
from shared.web.context import context_of
from shared.web.routing import BodyLimit, Router
from shared.web.wire import Code, Id, Line, Seconds, Timestamp, WireModel
from shared.web.writes import Write, write_access

router = Router(prefix="/internal/activities", tags=["internal"], include_in_schema=False)

MAX_ITEMS = 1000
MAX_BODY = 16 * 1024 * 1024


class DimensionsIn(WireModel):
    region: Annotated[str, Line(120)] | None = None
    product: Annotated[str, Line(120)] | None = None
    channel: Annotated[str, Line(120)] | None = None


class PastIn(WireModel):
    """One activity of the past; see `past.Past`."""

    external_id: Annotated[str, Line(400)]
    kind: ActivityKind
    lead_id: Id | None = None
    at: Timestamp
    duration_s: Seconds | None = None
    outcome: Code | None = None
    rep_id: Id | None = None
    owner_id: Id | None = None
    team_id: Id | None = None
    dimensions: DimensionsIn = DimensionsIn()

    def past(self) -> Past:
        given = {name: getattr(self, name) for name in PastIn.model_fields if name != "dimensions"}
        return Past(**given, dimensions=Dimensions(**self.dimensions.model_dump()))


class BatchIn(WireModel):
    """Rows of one source, at most 1,000. `dry_run`: everything is done, and taken back."""

    source: Code
    dry_run: bool = False
    items: Annotated[list[PastIn], Field(max_length=MAX_ITEMS)]


class FieldProblem(WireModel):
    pointer: str
    code: str
    detail: str


class ItemOut(WireModel):
    index: int
    status: past.Status
    activity_id: Id | None
    errors: list[FieldProblem]


class BatchOut(WireModel):
    items: list[ItemOut]

    @classmethod
    def of(cls, answers: list[Imported]) -> BatchOut:
        return cls(items=[_item(index, answer) for index, answer in enumerate(answers)])


def _item(index: int, answer: Imported) -> ItemOut:
    errors = (
        []
        if answer.code is None
        else [FieldProblem(pointer="", code=answer.code, detail=answer.detail or "")]
    )
    return ItemOut(index=index, status=answer.status, activity_id=answer.activity_id, errors=errors)


@router.post("/import", response_model=BatchOut, dependencies=[Depends(BodyLimit(MAX_BODY))])
async def post_import(
    request: Request, body: BatchIn, write: Annotated[Write, Depends(write_access("activities:write"))]
) -> Response:
    """Store what is not there yet; the answer's Cox-Position names all of it."""
    now = context_of(request).clock.now()
    rows = [item.past() for item in body.items]

    async def work(tx: Tx) -> list[Imported]:
        async with tx.savepoint(keep=not body.dry_run):
            return await past.import_activities(tx, body.source, rows, now)

    return await write.run(work, render=BatchOut.of)
