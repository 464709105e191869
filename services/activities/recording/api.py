"""`/v1/activities`."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends, Query
from pydantic import Field
from starlette.requests import Request
from starlette.responses import Response

from services.activities.leads_known.waiting import wait_for_lead
from services.activities.recording import use_cases
from services.activities.recording.rules import Done
from services.activities.recording.use_cases import Activity, Asked, Recorded
from shared.contracts.activities import ActivityKind, ActivityRecorded
from shared.database.transactions import Tx
from shared.errors import FieldError, Invalid
from shared.events.positions import Position
from shared.web.context import context_of
from shared.web.paging import Page, PageQuery, page_query
from shared.web.reads import Read, read_access
from shared.web.routing import Router
from shared.web.wire import Code, Day, Id, Line, Seconds, Text, Timestamp, WireModel
from shared.web.writes import Write, write_access

router = Router(prefix="/v1/activities", tags=["activities"])


class ActivityIn(WireModel):
    """What was done. By the caller, unless `rep_id` names a rep whom the caller leads."""

    kind: ActivityKind
    lead_id: Id | None = Field(default=None, description="What it was about; a new lead is waited for, 2 s.")
    outcome: Code | None = Field(
        default=None, description="A code, such as `connected`, `replied`, `no_answer`, `done`, `cancelled`."
    )
    started_at: Timestamp | None = Field(default=None, description="When it began; now where it is left out.")
    duration_s: Seconds | None = Field(default=None, description="How long it took, in seconds.")
    note: Annotated[str, Text(4000)] | None = Field(default=None, description="Stays here, in no event.")
    rep_id: Id | None = None
    client_id: Annotated[str, Line(120)] | None = Field(
        default=None, description="The client's own name for it: sent again, it is the same activity."
    )


class ActivityOut(WireModel):
    """An activity. `rep_id` is who did it, `owner_id` whose the lead was, `effective` whether it is
    follow-up.
    """

    id: Id
    version: int
    kind: ActivityKind
    lead_id: Id | None
    rep_id: Id | None
    team_id: Id | None
    owner_id: Id | None
    recorded_by: Id | None
    started_at: Timestamp
    duration_s: int | None
    outcome: str | None
    effective: bool
    note: str | None
    region: str | None
    product: str | None
    channel: str | None
    recorded_at: Timestamp

    @classmethod
    def of(cls, activity: Activity) -> ActivityOut:
        shown = {name: getattr(activity, name) for name in cls.model_fields if name != "version"}
        return cls(version=activity.seq, **shown)


@router.post(
    "",
    status_code=201,
    response_model=ActivityOut,
    responses={200: {"model": ActivityOut, "description": "Recorded before under the same client_id."}},
)
async def post_activity(
    request: Request, body: ActivityIn, write: Annotated[Write, Depends(write_access("activities:write"))]
) -> Response:
    """Record an activity. The same `client_id` with the same content answers with the same activity (200)."""
    context = context_of(request)
    if body.lead_id is not None:
        await wait_for_lead(context.database, write.principal.access(), body.lead_id)
    now = context.clock.now()
    given = body.model_dump()
    done = Done(**{**given, "started_at": body.started_at or now})
    said_when = body.started_at is not None

    async def work(tx: Tx) -> Recorded:
        return await use_cases.record_activity(tx, write.principal, done, now, said_when=said_when)

    return await write.run(
        work,
        render=lambda recorded: ActivityOut.of(recorded.activity),
        status=lambda recorded: 201 if recorded.is_new else 200,
        location=lambda recorded: f"{router.prefix}/{recorded.activity.id}",
    )


@router.get("", response_model=Page[ActivityOut])
async def get_activities(
    read: Annotated[Read, Depends(read_access("activities:read"))],
    page: Annotated[PageQuery, Depends(page_query)],
    lead: Annotated[Id | None, Query(description="Of this lead.")] = None,
    rep: Annotated[Id | None, Query(description="Done by this rep.")] = None,
    kind: Annotated[ActivityKind | None, Query()] = None,
    from_: Annotated[Day | None, Query(alias="from", description="From this day of the tenant on.")] = None,
    to: Annotated[Day | None, Query(description="Up to this day of the tenant, it included.")] = None,
) -> Response:
    """Activities that the caller may see, newest first."""
    if from_ is not None and to is not None and to < from_:
        detail = "`to` lies before `from`"
        raise Invalid(detail, errors=[FieldError("/query/to", "before_from", detail)])
    asked = Asked(lead, rep, kind, from_, to)
    async with read.transaction() as tx:
        rows = await use_cases.list_activities(tx, asked, page.after, page.limit + 1)
    return page.answer(rows, key=lambda row: (row.started_at, row.id), render=ActivityOut.of)


@router.get("/{activity_id}", response_model=ActivityOut)
async def get_activity(
    activity_id: Id, read: Annotated[Read, Depends(read_access("activities:read"))]
) -> Response:
    """One activity."""
    return await read.one(
        lambda tx: use_cases.load_activity(tx, activity_id),
        ActivityOut.of,
        position=lambda found: Position(ActivityRecorded.topic, found.id, found.seq),
    )
