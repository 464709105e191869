"""`/internal/leads/rows`: for the gateway's imports, on behalf of whoever asked for them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Literal
from uuid import UUID

from fastapi import Depends
from starlette.requests import Request
from starlette.responses import Response

from services.leads.capture.history_import.rules import marks_of
from services.leads.capture.intake.models import BadField
from services.leads.capture.row_import.arriving import SharedIn, arrived
from services.leads.capture.row_import.turns import Place, Turns
from services.leads.capture.row_import.use_cases import (
    Batch,
    Taken,
    as_of_now,
    import_rows,
    make_ready,
    only_claims,
)
from services.leads.deduplication.duplicates.policy import policy_of
from shared.database.transactions import Access, Tx
from shared.errors import CoxError
from shared.web.context import context_of, one_of
from shared.web.routing import Router, StreamedBody
from shared.web.wire import Id, WireModel
from shared.web.writes import Write, write_access

router = Router(prefix="/internal/leads", tags=["internal"], include_in_schema=False)


@dataclass(frozen=True, slots=True)
class RowOut:
    """What became of a row. No model: to make a thousand of them takes five times as long."""

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


async def _turns(request: Request) -> Turns:
    return one_of(request, "turns_of_rows", Turns)


@router.post("/rows", response_model=RowsOut, dependencies=[Depends(StreamedBody())])
async def post_rows(
    request: Request,
    write: Annotated[Write, Depends(write_access("leads:write"))],
    turns: Annotated[Turns, Depends(_turns)],
) -> Response:
    """Make or change leads; bad rows are reported and keep no other row out."""
    found = await arrived(request)
    at, tenant_id = context_of(request).clock.now(), write.principal.tenant_id
    shared, asker = found.shared, found.shared.asker
    batch = Batch(shared.source, asker.user_id, shared.run, shared.mode, shared.key)
    access = Access(tenant_id, asker.user_id, asker.visibility, asker.unit_id)
    async with context_of(request).database.transaction(access) as tx:
        ready = await make_ready(tx, tenant_id, batch, found.rows, at)
    await turns.wait(_place(tenant_id, shared, shared.after), found.turn())

    def over() -> None:
        turns.over(_place(tenant_id, shared, shared.last))

    async def work(tx: Tx) -> tuple[list[Taken], Sequence[str]]:
        await tx.on_behalf_of(access)
        async with tx.savepoint(keep=not shared.dry_run):
            rows = await as_of_now(tx, tenant_id, batch, found.rows, ready, at)
            early = not shared.dry_run and only_claims(batch, rows)
            made = await import_rows(tx, tenant_id, batch, rows, at, over if early else None)
        return made, (await policy_of(tx, tenant_id)).blocking if shared.dry_run else ()

    return await write.run(work, render=lambda done: _shown(tenant_id, *done))


def _place(tenant_id: UUID, shared: SharedIn, row: int | None) -> Place | None:
    return None if row is None else (tenant_id, shared.run, row)


def _shown(tenant_id: UUID, made: list[Taken], blocking: Sequence[str]) -> RowsOut:
    # Built from what is stored: nothing to check again.
    return RowsOut.model_construct(items=[_row(tenant_id, one) for one in made], blocking=list(blocking))


def _row(tenant_id: UUID, one: Taken) -> RowOut:
    return RowOut(
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
