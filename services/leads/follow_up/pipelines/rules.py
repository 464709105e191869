"""What a pipeline is and when a definition is good."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, get_args
from uuid import UUID

from shared.errors import FieldError, Invalid

WON = "won"
LOST = "lost"
OUTCOMES = frozenset({WON, LOST})
KEY = re.compile(r"[a-z0-9_]{1,40}")
DEFAULT_KEY = "default"
Criterion = Literal["need", "money", "authority", "eligibility"]
"""What has to be known of a lead to call it qualified."""
QUALIFICATION: tuple[Criterion, ...] = get_args(Criterion)


class BadPipeline(Invalid):
    code = "bad_pipeline"
    title = "Not a pipeline that leads could go through"


@dataclass(frozen=True, slots=True)
class Stage:
    """An open stage. `win_probability` in percent; `required_activities` must be recorded, and
    `required_qualification` be answered with yes, before leaving it forwards or to won.
    """

    key: str
    name: str
    win_probability: int | None = None
    required_activities: tuple[str, ...] = ()
    required_qualification: tuple[Criterion, ...] = ()


@dataclass(frozen=True, slots=True)
class Pipeline:
    """A pipeline as it is now; `stages` are the open ones, in order, at least one."""

    id: UUID
    key: str
    name: str
    is_default: bool
    stages: tuple[Stage, ...]
    version: int = 1

    @property
    def first_stage(self) -> str:
        return self.stages[0].key

    def position(self, key: str) -> int | None:
        """Where the stage stands, from 0; None if it is none of this pipeline's open stages."""
        return next((at for at, stage in enumerate(self.stages) if stage.key == key), None)

    def up_to(self, key: str) -> frozenset[str]:
        """What has been passed by who stands there: the stages to this one, all of them and `won` when won;
        of who was lost nothing is known.
        """
        at = len(self.stages) if key == WON else self.position(key)
        if at is None:
            return frozenset()
        return frozenset(stage.key for stage in self.stages[: at + 1]) | (
            {WON} if key == WON else frozenset()
        )


DEFAULT_STAGES = (
    Stage("prospecting", "潜在客户开发 Prospecting", 5),
    Stage("first_contact", "客户联系 First contact", 10),
    Stage("needs_analysis", "需求分析 Needs analysis", 25),
    Stage("product_demo", "产品展示 Product demo", 45),
    Stage("negotiation", "谈判 Negotiation", 65),
    Stage("contract", "签约 Contract", 90),
)


def check_stages(stages: Sequence[Stage], pointer: str = "/stages") -> None:
    """Raises BadPipeline naming every stage that cannot be."""
    errors: list[FieldError] = []
    seen: set[str] = set()
    for at, stage in enumerate(stages):
        where = f"{pointer}/{at}/key"
        if stage.key in OUTCOMES:
            errors.append(FieldError(where, "reserved_key", "won and lost are outcomes of every pipeline"))
        elif not KEY.fullmatch(stage.key):
            errors.append(FieldError(where, "bad_key", "a key is 1 to 40 of a-z, 0-9 and _"))
        elif stage.key in seen:
            errors.append(FieldError(where, "repeated_key", f"{stage.key} stands twice"))
        seen.add(stage.key)
    if not stages:
        errors.append(FieldError(pointer, "no_stages", "a pipeline has at least one open stage"))
    if errors:
        raise BadPipeline("some stages cannot be", errors=errors)


def check_change(old: Sequence[Stage], new: Sequence[Stage], in_use: frozenset[str]) -> None:
    """A stage that leads stand in may not vanish. Raises BadPipeline."""
    check_stages(new)
    kept = {stage.key for stage in new}
    lost = [stage.key for stage in old if stage.key in in_use and stage.key not in kept]
    if lost:
        errors = [FieldError("/stages", "stage_in_use", f"leads stand in {key}") for key in lost]
        raise BadPipeline("a stage in which leads stand must stay", errors=errors, code="stage_in_use")
