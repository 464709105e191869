"""What a deal's past means: the same decisions as live, except that the past demands nothing."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import blake2b
from typing import Literal
from uuid import UUID

from services.leads.deduplication.duplicates.rules import Key
from services.leads.follow_up.pipelines.rules import Pipeline
from services.leads.follow_up.progress.rules import Move, SameStage, Standing, move
from shared.errors import CoxError, FieldError, Invalid
from shared.money import Money


class StepBeforeStart(Invalid):
    code = "step_before_start"
    title = "Something happened to the deal before it started"


class BadStep(Invalid):
    code = "bad_step"
    title = "A step cannot be"


@dataclass(frozen=True, slots=True)
class Step:
    """One thing that happened: a new owner, or a move. An owner of None is one that nobody knows."""

    at: datetime
    do: Literal["assign", "move"]
    owner_id: UUID | None = None
    to: str = ""
    reason: str | None = None
    value: Money | None = None


@dataclass(frozen=True, slots=True)
class Handed:
    """The deal got another owner."""

    at: datetime
    owner_id: UUID
    previous_owner_id: UUID | None


@dataclass(frozen=True, slots=True)
class Moved:
    """The deal was moved, by its owner of then; `value` is its new value, None if the source says none."""

    at: datetime
    move: Move
    owner_id: UUID | None
    reason: str | None
    value: Money | None


def start_of(started_at: datetime | None, steps: Sequence[Step], now: datetime) -> datetime:
    """When the deal starts; of one that nobody knows: now, or its first step if that is earlier."""
    return started_at if started_at is not None else min([now, *(step.at for step in steps)])


def replay(
    pipeline: Pipeline, standing: Standing, owner_id: UUID | None, steps: Sequence[Step], first: int = 0
) -> list[Handed | Moved]:
    """What the steps did to a deal that stood so: equal times keep their order, what changes nothing is out.

    `first` is the number of the first step in its row, for pointers. Raises StepBeforeStart or BadStep.
    """
    return list(_replay(pipeline, standing, owner_id, steps, first))


def _replay(
    pipeline: Pipeline, standing: Standing, owner_id: UUID | None, steps: Sequence[Step], first: int
) -> Iterator[Handed | Moved]:
    for at, step in sorted(enumerate(steps, first), key=lambda pair: pair[1].at):
        if step.at < standing.entered_at:
            detail = f"the step of {step.at.isoformat()} comes before {standing.entered_at.isoformat()}"
            raise StepBeforeStart(
                detail, errors=[FieldError(f"/steps/{at}/at", StepBeforeStart.code, detail)]
            )
        if step.do == "assign":
            if step.owner_id is not None and step.owner_id != owner_id:
                yield Handed(step.at, step.owner_id, owner_id)
                owner_id = step.owner_id
            continue
        made = _move(pipeline, standing, step, at)
        if made is not None:
            yield Moved(step.at, made, owner_id, step.reason, step.value)
            standing = Standing(made.to_stage, made.to_status, step.at)


def _move(pipeline: Pipeline, standing: Standing, step: Step, at: int) -> Move | None:
    try:
        return move(pipeline, standing, step.to, step.at, None)
    except SameStage:
        # A log may say the same thing twice; it happened once.
        return None
    except CoxError as error:
        errors = [FieldError(f"/steps/{at}/to", error.problem_code, error.detail)]
        raise BadStep(error.detail, errors=errors, code=error.problem_code) from None


def digest(steps: Sequence[Step], *, timeless: bool) -> str:
    """A short name of these steps: another run with the same ones changes nothing.

    `timeless`: the start is not known, so the times are those of the run and say nothing.
    """
    made = blake2b(digest_size=16)
    for step in steps:
        at = "" if timeless else step.at.isoformat()
        money = f"{step.value.amount} {step.value.currency}" if step.value else ""
        made.update(
            f"{at}\x1f{step.do}\x1f{step.owner_id}\x1f{step.to}\x1f{step.reason}\x1f{money}\x1e".encode()
        )
    return made.hexdigest()


def marks_of(tenant_id: UUID, keys: Iterable[Key]) -> list[str]:
    """Exact keys as `kind:digest`: they tell that two rows share one, and nothing of what it is."""
    return [
        f"{key.kind}:{blake2b(key.value.encode(), digest_size=12, key=tenant_id.bytes).hexdigest()}"
        for key in keys
    ]
