"""`/v1/leads/{id}/timeline`."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends
from pydantic import Field
from starlette.responses import Response

from services.leads.follow_up.timeline.use_cases import Entry, Kind, timeline
from shared.web.paging import Page, PageQuery, page_query
from shared.web.reads import Read, read_access
from shared.web.routing import Router
from shared.web.wire import Id, Timestamp, WireModel

router = Router(prefix="/v1/leads", tags=["leads"])


class TimelineEntryOut(WireModel):
    """One thing that happened; what does not belong to its kind is null.

    `duration_s` is the time spent in the stage left, or that the activity took.
    """

    at: Timestamp
    kind: Kind
    lead_id: Id = Field(description="The lead, or what was merged into it.")
    by: Id | None
    owner_id: Id | None
    previous_owner_id: Id | None
    how: str | None
    from_stage: str | None
    to_stage: str | None
    duration_s: int | None
    reason: str | None
    changed: list[str] | None
    activity_id: Id | None
    activity_kind: str | None
    outcome: str | None
    effective: bool | None
    pool_id: Id | None = Field(description="The pool that it went into, or was taken out of.")
    other_id: Id | None = Field(description="The lead that it was merged into, or that was merged into it.")

    @classmethod
    def of(cls, entry: Entry) -> TimelineEntryOut:
        values = {name: getattr(entry, name) for name in cls.model_fields.keys() - {"changed"}}
        return cls.model_construct(**values, changed=list(entry.changed) if entry.changed else None)


@router.get("/{lead_id}/timeline", response_model=Page[TimelineEntryOut])
async def get_timeline(
    lead_id: Id,
    read: Annotated[Read, Depends(read_access("leads:read"))],
    page: Annotated[PageQuery, Depends(page_query)],
) -> Response:
    """Everything that happened to a lead and to what is a part of it, newest first. Of one that the caller
    sees only because it lies in a pool: without reasons.
    """
    async with read.transaction() as tx:
        entries = await timeline(tx, read.principal, lead_id)
    return page.answer_of_all(
        entries, key=lambda entry: (entry.at, entry.key), render=TimelineEntryOut.of, descending=True
    )
