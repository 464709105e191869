"""Defining pipelines and looking them up."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any
from uuid import UUID

import asyncpg

from services.leads.bulk import json_text
from services.leads.follow_up.pipelines.rules import (
    DEFAULT_KEY,
    DEFAULT_STAGES,
    Pipeline,
    Stage,
    check_change,
    check_stages,
)
from services.leads.follow_up.pipelines.tables import INSERT, LOCK_ALL, SELECT, UPDATE, pipelines
from shared.contracts.leads import PipelineDefined, StageSpec
from shared.database.transactions import Tx
from shared.errors import Conflict, NotFound
from shared.events.journal import NewEvent, record_events
from shared.ids import new_id

StagesInUse = Callable[[Tx, UUID, UUID, Sequence[str]], Awaitable[frozenset[str]]]
"""`(tx, tenant, pipeline, stages)` -> those of the stages that leads stand in."""


class UnknownPipeline(NotFound):
    code = "unknown_pipeline"
    title = "No such pipeline"


class KeyTaken(Conflict):
    code = "pipeline_key_taken"
    title = "Another pipeline has this key"


class DefaultNeeded(Conflict):
    code = "default_needed"
    title = "One pipeline is the default: make another one the default instead"


async def list_pipelines(tx: Tx, tenant_id: UUID) -> list[Pipeline]:
    """All of the tenant's, the default first, then by key."""
    return [
        pipeline_of(row)
        for row in await tx.connection.fetch(f"{SELECT} order by is_default desc, key", tenant_id)
    ]


async def get_pipeline(tx: Tx, tenant_id: UUID, pipeline_id: UUID) -> Pipeline:
    """Raises UnknownPipeline."""
    row = await tx.connection.fetchrow(f"{SELECT} and id = $2", tenant_id, pipeline_id)
    if row is None:
        raise UnknownPipeline(f"there is no pipeline {pipeline_id}")
    return pipeline_of(row)


async def default_pipeline(tx: Tx, tenant_id: UUID, at: datetime) -> Pipeline:
    """The tenant's default one; made now where the tenant is so new that its event has not come yet."""
    row = await tx.connection.fetchrow(f"{SELECT} and is_default", tenant_id)
    return pipeline_of(row) if row is not None else await ensure_default_pipeline(tx, tenant_id, at)


async def ensure_default_pipeline(
    tx: Tx, tenant_id: UUID, at: datetime, *, causation_id: UUID | None = None
) -> Pipeline:
    """Make the default pipeline unless the tenant has one."""
    wanted = Pipeline(new_id(), DEFAULT_KEY, "Default", is_default=True, stages=DEFAULT_STAGES)
    if await _inserted(tx, tenant_id, wanted, at):
        await _record(tx, wanted, at, created=True, causation_id=causation_id)
        return wanted
    row = await tx.connection.fetchrow(f"{SELECT} and is_default", tenant_id)
    if row is None:
        raise UnknownPipeline("the tenant has no default pipeline")
    return pipeline_of(row)


async def create_pipeline(
    tx: Tx, tenant_id: UUID, at: datetime, *, key: str, name: str, stages: Sequence[Stage]
) -> Pipeline:
    """Raises BadPipeline, or KeyTaken."""
    check_stages(stages)
    # The tenant's default comes first, so that the first pipeline made by hand does not stand in its place.
    await default_pipeline(tx, tenant_id, at)
    made = Pipeline(new_id(), key, name, is_default=False, stages=tuple(stages))
    if not await _inserted(tx, tenant_id, made, at):
        raise KeyTaken(f"there is a pipeline {key!r} already")
    await _record(tx, made, at, created=True)
    return made


async def ensure_pipeline(
    tx: Tx, tenant_id: UUID, at: datetime, *, key: str, name: str, stages: Sequence[Stage]
) -> Pipeline:
    """The pipeline of this key, made unless it is there: what an import declares."""
    row = await tx.connection.fetchrow(f"{SELECT} and key = $2", tenant_id, key)
    if row is not None:
        return pipeline_of(row)
    return await create_pipeline(tx, tenant_id, at, key=key, name=name, stages=stages)


async def change_pipeline(
    tx: Tx,
    tenant_id: UUID,
    pipeline_id: UUID,
    at: datetime,
    *,
    changes: Mapping[str, Any],
    check_version: Callable[[int], None],
    in_use: StagesInUse,
) -> Pipeline:
    """Change name, stages or being the default. Raises UnknownPipeline, BadPipeline, DefaultNeeded."""
    locked = {row["id"]: pipeline_of(row) for row in await tx.connection.fetch(LOCK_ALL, tenant_id)}
    old = locked.get(pipeline_id)
    if old is None:
        raise UnknownPipeline(f"there is no pipeline {pipeline_id}")
    check_version(old.version)
    new = replace(old, **changes)
    if new == old:
        return old
    if old.is_default and not new.is_default:
        raise DefaultNeeded
    if new.stages != old.stages:
        keys = [stage.key for stage in old.stages]
        check_change(old.stages, new.stages, await in_use(tx, tenant_id, pipeline_id, keys))
    others = [one for one in locked.values() if one.is_default and new.is_default and one.id != new.id]
    for demoted in others:
        await _store(tx, tenant_id, replace(demoted, is_default=False), at)
    return await _store(tx, tenant_id, new, at)


async def _inserted(tx: Tx, tenant_id: UUID, made: Pipeline, at: datetime) -> bool:
    return (
        await tx.connection.fetchval(
            INSERT, tenant_id, made.id, made.key, made.name, made.is_default, _stages_json(made), at
        )
        is not None
    )


async def _store(tx: Tx, tenant_id: UUID, new: Pipeline, at: datetime) -> Pipeline:
    await tx.connection.execute(UPDATE, tenant_id, new.id, new.name, new.is_default, _stages_json(new), at)
    return replace(new, version=await _record(tx, new, at))


async def _record(
    tx: Tx, pipeline: Pipeline, at: datetime, *, created: bool = False, causation_id: UUID | None = None
) -> int:
    event = PipelineDefined(
        key=pipeline.key,
        name=pipeline.name,
        is_default=pipeline.is_default,
        stages=tuple(
            StageSpec(
                key=stage.key,
                name=stage.name,
                win_probability=stage.win_probability,
                required_activities=stage.required_activities,
                required_qualification=stage.required_qualification,
            )
            for stage in pipeline.stages
        ),
    )
    new = NewEvent(pipeline.id, event, at, causation_id=causation_id)
    return (await record_events(tx, pipelines, [new], created=created))[-1].seq


def _stages_json(pipeline: Pipeline) -> str:
    return json_text(
        [
            {
                "key": stage.key,
                "name": stage.name,
                "win_probability": stage.win_probability,
                "required_activities": list(stage.required_activities),
                "required_qualification": list(stage.required_qualification),
            }
            for stage in pipeline.stages
        ]
    )


def pipeline_of(row: asyncpg.Record, prefix: str = "") -> Pipeline:
    """From a row with the pipeline's columns, their names behind `prefix`."""
    stages = tuple(
        Stage(
            stage["key"],
            stage["name"],
            stage["win_probability"],
            tuple(stage["required_activities"]),
            tuple(stage.get("required_qualification", ())),
        )
        for stage in row[f"{prefix}stages"]
    )
    id_, key, name, is_default, seq = (
        row[f"{prefix}{column}"] for column in ("id", "key", "name", "is_default", "seq")
    )
    return Pipeline(id_, key, name, is_default, stages, seq)
