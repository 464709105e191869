"""Which moves are allowed, and what a move means."""

from __future__ import annotations

import re
from collections.abc import Mapping, Set
from dataclasses import dataclass
from datetime import datetime

from services.leads.follow_up.pipelines.rules import LOST, OUTCOMES, WON, Pipeline, Stage
from shared.contracts.leads import LeadStatus
from shared.errors import Conflict, FieldError, Invalid

_CODE = re.compile(r"[a-z0-9_]{1,40}")
OTHER_REASON = "other"


class SameStage(Conflict):
    code = "same_stage"
    title = "The lead is there already"


class LiesInPool(Conflict):
    code = "lies_in_pool"
    title = "Nobody wins a lead that lies in a pool, nor reopens a customer who does: take it out first"


class CriteriaMissing(Conflict):
    code = "criteria_missing"
    title = "The stage demands more before it may be left"


class UnknownStage(Invalid):
    code = "unknown_stage"
    title = "The lead's pipeline has no such stage"


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a lead stands; `stage` is `won` or `lost` when closed."""

    stage: str
    status: LeadStatus
    entered_at: datetime


@dataclass(frozen=True, slots=True)
class Move:
    """An accepted move.

    `duration_s` is the time spent in the stage left, in whole seconds, never negative.
    """

    from_stage: str
    to_stage: str
    from_status: LeadStatus
    to_status: LeadStatus
    duration_s: int

    @property
    def is_outcome(self) -> bool:
        return self.to_status != "open"


def move(
    pipeline: Pipeline,
    now: Standing,
    to: str,
    at: datetime,
    done: Set[str] | None,
    lacking: Mapping[str, str] | None = None,
    qualified: Set[str] = frozenset(),
) -> Move:
    """Decide a move. `done` are the kinds of activities recorded; None: the past, nothing is demanded.
    `lacking`: custom fields that the lead has not, each with the stage from which it is demanded;
    `qualified`: what of its qualification is answered with yes.

    Raises UnknownStage, SameStage, or CriteriaMissing with one entry per missing criterion.
    """
    if to not in OUTCOMES and pipeline.position(to) is None:
        stages = ", ".join(stage.key for stage in pipeline.stages)
        raise UnknownStage(
            f"choose one of {stages}, won, lost",
            errors=[FieldError("/to", "unknown_stage", f"pipeline {pipeline.key} has no stage {to[:40]!r}")],
        )
    if to == now.stage:
        raise SameStage(f"the lead already stands in {to}")
    if done is not None:
        _check_criteria(pipeline, now, to, done, lacking or {}, qualified)
    return Move(now.stage, to, now.status, status_of(to), max(0, int((at - now.entered_at).total_seconds())))


def status_of(stage: str) -> LeadStatus:
    """The status that standing in a stage means."""
    if stage == WON:
        return "won"
    return "lost" if stage == LOST else "open"


def passed(pipeline: Pipeline, stage: str, to: str) -> tuple[Stage, ...]:
    """Stages whose criteria a move demands: every one left or jumped over, forwards or to won."""
    if to == LOST:
        return ()
    start = pipeline.position(stage)
    end = len(pipeline.stages) if to == WON else pipeline.position(to)
    # A closed lead that is reopened comes from no stage; going back is always free.
    if start is None or end is None:
        return ()
    return pipeline.stages[start:end]


def demanding(pipeline: Pipeline, stage: str, to: str) -> frozenset[str]:
    """The stages whose custom fields a move demands: all up to the one it leads to, also for who is reopened
    there. Going back is free, and so is losing.
    """
    start, end = pipeline.position(stage), pipeline.position(to)
    goes_back = start is not None and end is not None and end < start
    return frozenset() if goes_back else pipeline.up_to(to)


def _check_criteria(
    pipeline: Pipeline,
    now: Standing,
    to: str,
    done: Set[str],
    lacking: Mapping[str, str],
    qualified: Set[str],
) -> None:
    filled = demanding(pipeline, now.stage, to)
    left = passed(pipeline, now.stage, to)
    errors = [
        FieldError("/to", f"field:{key}", f"{key} is to be filled in first")
        for key, stage in lacking.items()
        if stage in filled
    ]
    errors += [
        FieldError("/to", f"activity:{kind}", f"a {kind} is to be recorded first")
        for kind in dict.fromkeys(kind for stage in left for kind in stage.required_activities)
        if kind not in done
    ]
    errors += [
        FieldError("/to", f"qualification:{name}", f"{name} is to be answered with yes first")
        for name in dict.fromkeys(name for stage in left for name in stage.required_qualification)
        if name not in qualified
    ]
    if errors:
        raise CriteriaMissing("missing: " + ", ".join(error.code for error in errors), errors=errors)


def reason_code(reason: str | None) -> str | None:
    """What an event may say of a reason: a code as it is, any other text only that there was one."""
    if not reason:
        return None
    return reason if _CODE.fullmatch(reason) else OTHER_REASON
