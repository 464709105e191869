"""`/v1/leads/{id}/merge` and `/unmerge`."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends
from pydantic import Field
from starlette.responses import Response

from services.leads.capture.intake.models import LeadOut
from services.leads.deduplication.merging.undoing import unmerge_lead
from services.leads.deduplication.merging.use_cases import merge_lead
from shared.web.context import Now
from shared.web.routing import Router
from shared.web.wire import Id, Text, WireModel
from shared.web.writes import Write, write_access

router = Router(prefix="/v1/leads", tags=["leads"])

Writing = Annotated[Write, Depends(write_access("leads:write"))]


class MergeIn(WireModel):
    """The lead that stands for both from now on."""

    into: Id
    reason: Annotated[str, Text(1000)] | None = Field(default=None, description="Stays here.")


@router.post("/{lead_id}/merge", response_model=LeadOut)
async def post_merge(lead_id: Id, body: MergeIn, write: Writing, at: Now) -> Response:
    """Make a lead a part of another: that one takes over what it lacks, and shows both histories.

    The lead itself stays readable, with `merged_into`; nobody has it, no list holds it, and every action on
    it is refused: 409 `lead_merged`.
    """
    who = write.principal
    return await write.run(
        lambda tx: merge_lead(tx, who, lead_id, body.into, body.reason, at, check_version=write.check),
        render=lambda lead: LeadOut.for_viewer(lead, who),
    )


@router.post("/{lead_id}/unmerge", response_model=LeadOut)
async def post_unmerge(lead_id: Id, write: Writing, at: Now) -> Response:
    """Undo the merge of this lead, whatever has happened since: it is a lead of its own again.

    Its owner before has it again, or it lies in its pool again, where those are still there; else the rules
    assign it. The other one gives back what it took over, unless somebody changed it since.
    """
    who = write.principal
    return await write.run(
        lambda tx: unmerge_lead(tx, who, lead_id, at, check_version=write.check),
        render=lambda lead: LeadOut.for_viewer(lead, who),
    )
