"""`/internal/leads/rows`: for the gateway's imports, on behalf of whoever asked for them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import Depends
from pydantic import Field
from starlette.responses import Response

from services.leads.duplicates.policy import policy_of
from services.leads.history_import.rules import marks_of
from services.leads.intake.models import BadField, LeadIn
from services.leads.row_import.rules import Asked, KeyKind, Mode
from services.leads.row_import.use_cases import Batch, Taken, import_rows
from shared.database.transactions import Access, Tx, Visibility
from shared.errors import CoxError
from shared.web.context import Now
from shared.web.routing import BodyLimit, Router
from shared.web.wire import Id, Line, WireModel, parse
from shared.web.writes import Write, write_access

router = Router(prefix="/internal/leads", tags=["internal"], include_in_schema=False)
MAX_ROWS = 1000
BATCH_BYTES = 32 * 1024 * 1024
Emptied = Literal[
    "name", "phone", "email", "company", "source", "channel", "region", "product", "value", "tags",
    "credit_code", "wecom_id", "label", "value_class", "intent",
]  # fmt: skip


class RowIn(WireModel):
    """A row: the lead as `POST /v1/leads` takes it, and what only files say. `digest` names what it says."""

    external_id: Annotated[str, Line(200)]
    digest: Annotated[str, Line(64)]
    lead: dict[str, Any]
    owner_id: Id | None = None
    emptied: list[Emptied] = Field(default_factory=list)


class AskerIn(WireModel):
    """Who asked for the import, and how far they see."""

    user_id: Id
    visibility: Visibility
    unit_id: Id | None = None


class RowsIn(WireModel):
    """Up to 1,000 rows of one source. `dry_run`: everything is done, and taken back."""

    asker: AskerIn
    run: Id = Field(description="The import; rows that it made count as made when they are sent again.")
    source: Annotated[str, Line(100)]
    mode: Mode = "create"
    key: KeyKind | None = None
    dry_run: bool = False
    items: list[RowIn] = Field(max_length=MAX_ROWS)


class RowOut(WireModel):
    status: Literal["created", "updated", "unchanged", "failed"]
    lead_id: Id | None
    errors: list[BadField]
    keys: list[str]
    duplicate_of: Id | None


class RowsOut(WireModel):
    """One entry per row, in the order sent. `blocking`: what no two leads may share, which a dry run cannot
    see of rows that it took back before.
    """

    items: list[RowOut]
    blocking: list[str]


@router.post("/rows", response_model=RowsOut, dependencies=[Depends(BodyLimit(BATCH_BYTES))])
async def post_rows(
    body: RowsIn, write: Annotated[Write, Depends(write_access("leads:write"))], at: Now
) -> Response:
    """Make or change leads; bad rows are reported and keep no other row out."""
    rows = [_asked(item) for item in body.items]
    tenant_id = write.principal.tenant_id
    asker = body.asker
    batch = Batch(body.source, asker.user_id, body.run, body.mode, body.key)

    async def work(tx: Tx) -> tuple[list[Taken], Sequence[str]]:
        await tx.on_behalf_of(Access(tenant_id, asker.user_id, asker.visibility, asker.unit_id))
        async with tx.savepoint(keep=not body.dry_run):
            made = await import_rows(tx, tenant_id, batch, rows, at)
        return made, (await policy_of(tx, tenant_id)).blocking if body.dry_run else ()

    return await write.run(work, render=lambda done: _shown(tenant_id, *done))


def _asked(item: RowIn) -> Asked | CoxError:
    try:
        draft = parse(LeadIn, item.lead).draft()
    except CoxError as error:
        return error
    return Asked(item.external_id, item.digest, draft, item.owner_id, tuple(item.emptied))


def _shown(tenant_id: UUID, made: list[Taken], blocking: Sequence[str]) -> RowsOut:
    # Built from what is stored: nothing to check again.
    return RowsOut.model_construct(items=[_row(tenant_id, one) for one in made], blocking=list(blocking))


def _row(tenant_id: UUID, one: Taken) -> RowOut:
    return RowOut.model_construct(
        status=one.status,
        lead_id=one.lead_id,
        errors=_errors(one.error),
        keys=marks_of(tenant_id, one.keys),
        duplicate_of=one.duplicate_of,
    )


def _errors(error: CoxError | None) -> list[BadField]:
    if error is None:
        return []
    found = [BadField(pointer=each.pointer, code=each.code, detail=each.detail) for each in error.errors]
    return found or [BadField(pointer="", code=error.problem_code, detail=error.detail)]
