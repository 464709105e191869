"""`/v1/pipelines`: what stages there are, and what they demand."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal, get_args

from fastapi import Depends
from pydantic import Field
from starlette.responses import Response

from services.leads.edge import StageKey, position
from services.leads.follow_up.pipelines.rules import QUALIFICATION, Criterion, Pipeline, Stage
from services.leads.follow_up.pipelines.use_cases import (
    StagesInUse,
    change_pipeline,
    create_pipeline,
    default_pipeline,
    get_pipeline,
    list_pipelines,
)
from shared.contracts.activities import ActivityKind
from shared.web.context import Now
from shared.web.paging import Page, PageQuery, page_query
from shared.web.reads import Read, read_access
from shared.web.routing import Router
from shared.web.wire import Id, Line, WireModel
from shared.web.writes import Write, write_access

router = Router(prefix="/v1/pipelines", tags=["pipelines"])
KINDS: tuple[ActivityKind, ...] = get_args(ActivityKind)
Name = Annotated[str, Line(200)]
Reading = Annotated[Read, Depends(read_access("leads:read"))]
Configuring = Annotated[Write, Depends(write_access("config:write"))]


class StageIn(WireModel):
    """An open stage.

    `required_activities` must be recorded for a lead before it leaves this stage forwards or is won; jumping
    over the stage does not help. Nor are answers of its `required_qualification` that are not yes. Losing a
    lead and going back are always free.
    """

    key: StageKey
    name: Name
    win_probability: int | None = Field(default=None, ge=0, le=100, description="In percent.")
    required_activities: list[ActivityKind] = Field(default_factory=list, max_length=7)
    required_qualification: list[Criterion] = Field(default_factory=list, max_length=4)

    def stage(self) -> Stage:
        kinds = tuple(dict.fromkeys(self.required_activities))
        wanted = tuple(name for name in QUALIFICATION if name in self.required_qualification)
        return Stage(self.key, self.name, self.win_probability, kinds, wanted)


Stages = Annotated[list[StageIn], Field(min_length=1, max_length=50)]


class PipelineIn(WireModel):
    """A further pipeline; `won` and `lost` are outcomes of every one and not listed."""

    key: StageKey
    name: Name
    stages: Stages


class PipelinePatch(WireModel):
    """What is to change; `stages` replaces all of them, `is_default` may only become true."""

    name: Name | None = None
    stages: Stages | None = None
    is_default: Literal[True] | None = None

    def changes(self) -> Mapping[str, Any]:
        given: dict[str, Any] = {}
        if self.name is not None:
            given["name"] = self.name
        if self.stages is not None:
            given["stages"] = tuple(stage.stage() for stage in self.stages)
        if self.is_default is not None:
            given["is_default"] = True
        return given


class PipelineOut(WireModel):
    """A pipeline as it is now, stages in order."""

    id: Id
    version: int
    key: str
    name: str
    is_default: bool
    stages: list[StageIn]

    @classmethod
    def of(cls, pipeline: Pipeline) -> PipelineOut:
        return cls.model_construct(
            id=pipeline.id,
            version=pipeline.version,
            key=pipeline.key,
            name=pipeline.name,
            is_default=pipeline.is_default,
            stages=[
                StageIn.model_construct(
                    key=stage.key,
                    name=stage.name,
                    win_probability=stage.win_probability,
                    required_activities=[kind for kind in KINDS if kind in stage.required_activities],
                    required_qualification=list(stage.required_qualification),
                )
                for stage in pipeline.stages
            ],
        )


@router.get("", response_model=Page[PipelineOut])
async def get_pipelines(read: Reading, page: Annotated[PageQuery, Depends(page_query)], at: Now) -> Response:
    """All pipelines, the default one first."""
    async with read.transaction() as tx:
        # A tenant has a default one from the start, also before its event has come here.
        await default_pipeline(tx, read.principal.tenant_id, at)
        found = await list_pipelines(tx, read.principal.tenant_id)
    return page.answer_of_all(
        list(enumerate(found)), key=lambda row: (row[0],), render=lambda row: PipelineOut.of(row[1])
    )


@router.post("", status_code=201, response_model=PipelineOut)
async def post_pipeline(body: PipelineIn, write: Configuring, at: Now) -> Response:
    """Define a further pipeline."""
    stages = [stage.stage() for stage in body.stages]
    return await write.run(
        lambda tx: create_pipeline(
            tx, write.principal.tenant_id, at, key=body.key, name=body.name, stages=stages
        ),
        render=PipelineOut.of,
        status=201,
    )


@router.get("/{pipeline_id}", response_model=PipelineOut)
async def get_one(pipeline_id: Id, read: Reading) -> Response:
    """One pipeline."""
    return await read.one(
        lambda tx: get_pipeline(tx, read.principal.tenant_id, pipeline_id),
        PipelineOut.of,
        position=lambda pipeline: position(pipeline.id, pipeline.version),
    )


def patching(stages_in_use: StagesInUse) -> Router:
    """The route of changes; `stages_in_use` comes from the room that knows where leads stand."""
    changing = Router(prefix="/v1/pipelines", tags=["pipelines"])

    @changing.patch("/{pipeline_id}", response_model=PipelineOut)
    async def patch_pipeline(pipeline_id: Id, body: PipelinePatch, write: Configuring, at: Now) -> Response:
        """Change a pipeline: its name, its stages and what they demand.

        A stage in which leads stand stays.
        """
        return await write.run(
            lambda tx: change_pipeline(
                tx,
                write.principal.tenant_id,
                pipeline_id,
                at,
                changes=body.changes(),
                check_version=write.check,
                in_use=stages_in_use,
            ),
            render=PipelineOut.of,
        )

    return changing
