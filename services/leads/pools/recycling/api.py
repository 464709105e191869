"""`/v1/leads/{id}/keeping`."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import Body, Depends
from starlette.responses import Response

from services.leads.pools.recycling.dates import Dated, plan_of
from services.leads.pools.recycling.use_cases import extend_term, lock_term, unlock_term
from shared.web.context import Now
from shared.web.reads import Read, read_access
from shared.web.routing import Router
from shared.web.wire import Id, Text, Timestamp, WireModel
from shared.web.writes import Write, write_access

router = Router(prefix="/v1/leads", tags=["leads"])

Writing = Annotated[Write, Depends(write_access("leads:write"))]


class ExtensionIn(WireModel):
    """The reason stays here."""

    reason: Annotated[str, Text(1000)] | None = None


class LockIn(WireModel):
    """Until when; the reason stays here."""

    until: Timestamp
    reason: Annotated[str, Text(1000)] | None = None


class KeepingOut(WireModel):
    """Until when the owner keeps the lead, unless it is followed up before; all null: without end, the term
    stands still in a stage, or nobody has it.
    """

    pool_id: Id | None
    ends_at: Timestamp | None
    why: Literal["no_first_follow_up", "no_follow_up", "no_deal"] | None
    warnings: list[Timestamp]

    @classmethod
    def of(cls, dated: Dated | None) -> KeepingOut:
        if dated is None:
            return cls(pool_id=None, ends_at=None, why=None, warnings=[])
        plan = dated.plan
        return cls(pool_id=dated.pool.id, ends_at=plan.ends_at, why=plan.why, warnings=list(plan.warnings))


@router.get("/{lead_id}/keeping", response_model=KeepingOut)
async def get_keeping(lead_id: Id, read: Annotated[Read, Depends(read_access("leads:read"))]) -> Response:
    """Until when the owner keeps the lead, by the terms of its pool; only effective follow-up moves that."""
    async with read.transaction() as tx:
        dated = await plan_of(tx, read.principal.tenant_id, lead_id)
    return read.respond(KeepingOut.of(dated))


@router.post("/{lead_id}/extension", response_model=KeepingOut)
async def post_extension(
    lead_id: Id,
    write: Writing,
    at: Now,
    body: Annotated[ExtensionIn | None, Body()] = None,
) -> Response:
    """Give the owner more time: by their superior, once while the lead is in the same hands."""
    who, reason = write.principal, body.reason if body else None
    return await write.run(
        lambda tx: extend_term(tx, who, lead_id, reason, at, check_version=write.check), render=KeepingOut.of
    )


@router.post("/{lead_id}/lock", response_model=KeepingOut)
async def post_lock(lead_id: Id, body: LockIn, write: Writing, at: Now) -> Response:
    """Let the owner's term stand still for a time, by their superior: the lead waits for somebody else."""
    who, until, reason = write.principal, body.until, body.reason
    return await write.run(
        lambda tx: lock_term(tx, who, lead_id, until, reason, at, check_version=write.check),
        render=KeepingOut.of,
    )


@router.delete("/{lead_id}/lock", response_model=KeepingOut)
async def delete_lock(lead_id: Id, write: Writing, at: Now) -> Response:
    """Let it go on before that."""
    return await write.run(
        lambda tx: unlock_term(tx, write.principal, lead_id, at, check_version=write.check),
        render=KeepingOut.of,
    )
