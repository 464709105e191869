"""Internal routes by which the gateway's imports send the past; a service token is needed."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import Depends
from pydantic import Field
from starlette.requests import Request
from starlette.responses import Response

from services.leads.capture.history_import.build import Deal
from services.leads.capture.history_import.rules import Step, marks_of
from services.leads.capture.history_import.use_cases import Imported, import_deals
from services.leads.capture.intake.models import BadField, CodeText, EmailText, Name, PhoneText, Tags
from services.leads.capture.intake.rules import Given
from services.leads.edge import Short, StageKey
from services.leads.follow_up.pipelines.api import PipelineIn
from services.leads.follow_up.pipelines.rules import Pipeline
from services.leads.follow_up.pipelines.use_cases import ensure_pipeline
from shared.database.transactions import Tx
from shared.errors import CoxError
from shared.events.positions import encode_token
from shared.web.context import Now, context_of
from shared.web.routing import BodyLimit, Router
from shared.web.wire import Id, Line, MoneyIn, Text, Timestamp, WireModel, parse
from shared.web.writes import Write, write_access

router = Router(prefix="/internal", tags=["internal"], include_in_schema=False)
MAX_ROWS = 1000
BATCH_BYTES = 32 * 1024 * 1024
Writing = Annotated[Write, Depends(write_access("leads:write"))]


class StepIn(WireModel):
    """`assign` needs `owner_id` (null: nobody knows who), `move` needs `to`; equal times keep their order."""

    at: Timestamp
    do: Literal["assign", "move"]
    owner_id: Id | None = None
    to: StageKey | None = None
    reason: Annotated[str, Text(1000)] | None = None
    value: MoneyIn | None = None

    def step(self) -> Step:
        value = self.value.money() if self.value else None
        return Step(self.at, self.do, self.owner_id, self.to or "", self.reason, value)


class DealIn(WireModel):
    """A deal with its whole past. `started_at` null: nobody knows; it starts now and counts in no cycle."""

    external_id: Annotated[str, Line(200)]
    pipeline: StageKey | None = None
    name: Name | None = None
    company: Name | None = None
    product: Short | None = None
    region: Short | None = None
    channel: Short | None = None
    origin: Short | None = Field(default=None, description="The lead's source.")
    campaign: Short | None = None
    value: MoneyIn | None = None
    started_at: Timestamp | None = None
    creator_id: Id | None = None
    phone: PhoneText | None = None
    email: EmailText | None = None
    credit_code: CodeText | None = None
    tags: Tags = Field(default_factory=list)
    steps: list[StepIn] = Field(default_factory=list, max_length=10_000)

    def deal(self) -> Deal:
        return Deal(
            external_id=self.external_id,
            pipeline=self.pipeline,
            name=self.name,
            company=self.company,
            product=self.product,
            region=self.region,
            channel=self.channel,
            origin=self.origin,
            value=self.value.money() if self.value else None,
            started_at=self.started_at,
            creator_id=self.creator_id,
            steps=tuple(step.step() for step in self.steps),
            given=Given(self.phone, self.email, self.credit_code),
            tags=tuple(dict.fromkeys(self.tags)),
            campaign=self.campaign,
        )


class DealsIn(WireModel):
    """Up to 1,000 deals of one source; a row is known by (source, external_id) for ever.

    `dry_run`: everything is done, and taken back; `pipeline` is made first where there is none with its key.
    """

    source: Annotated[str, Line(100)]
    items: list[Any] = Field(max_length=MAX_ROWS)
    dry_run: bool = False
    pipeline: PipelineIn | None = None


class ImportedOut(WireModel):
    index: int
    status: Literal["created", "unchanged", "extended", "failed"]
    lead_id: Id | None
    errors: list[BadField]
    keys: list[str] = Field(default_factory=list, description="What tells that two rows share a phone, say.")
    duplicate_of: Id | None = None


class DealsOut(WireModel):
    """One entry per row; `positions` are tokens of all that was recorded."""

    items: list[ImportedOut]
    positions: list[str]


class PipelineMade(WireModel):
    id: Id


@router.post("/pipelines/import", response_model=PipelineMade)
async def post_pipeline(body: PipelineIn, write: Writing, at: Now) -> Response:
    """The pipeline of this key, made unless it is there."""
    return await write.run(
        lambda tx: _ensured(tx, write.principal.tenant_id, body, at),
        render=lambda pipeline: PipelineMade(id=pipeline.id),
    )


@router.post("/leads/import", response_model=DealsOut, dependencies=[Depends(BodyLimit(BATCH_BYTES))])
async def post_deals(request: Request, body: DealsIn, write: Writing, at: Now) -> Response:
    """Deals with their past, each once; bad rows are reported and keep no other row out."""
    rows = [_row(item) for item in body.items]
    tenant_id = write.principal.tenant_id
    secret = context_of(request).settings.position_secret.get_secret_value()

    async def work(tx: Tx) -> tuple[list[Imported], list[str]]:
        async with tx.savepoint(keep=not body.dry_run):
            if body.pipeline is not None:
                await _ensured(tx, tenant_id, body.pipeline, at)
            done = await import_deals(tx, tenant_id, body.source, rows, at)
        return done, [encode_token(tx.recorded, tenant_id, secret)] if tx.recorded else []

    return await write.run(
        work, render=lambda made: DealsOut(items=_shown(tenant_id, made[0]), positions=made[1])
    )


async def _ensured(tx: Tx, tenant_id: UUID, wanted: PipelineIn, at: datetime) -> Pipeline:
    stages = [stage.stage() for stage in wanted.stages]
    return await ensure_pipeline(tx, tenant_id, at, key=wanted.key, name=wanted.name, stages=stages)


def _row(item: object) -> Deal | CoxError:
    try:
        return parse(DealIn, item).deal()
    except CoxError as error:
        return error


def _shown(tenant_id: UUID, results: Sequence[Imported]) -> list[ImportedOut]:
    return [
        ImportedOut(
            index=at,
            status=one.status,
            lead_id=one.lead_id,
            errors=_errors(one.error),
            keys=marks_of(tenant_id, one.keys),
            duplicate_of=one.duplicate_of,
        )
        for at, one in enumerate(results)
    ]


def _errors(error: CoxError | None) -> list[BadField]:
    if error is None:
        return []
    if not error.errors:
        return [BadField(pointer="", code=error.problem_code, detail=error.detail)]
    return [BadField(pointer=one.pointer, code=one.code, detail=one.detail) for one in error.errors]
