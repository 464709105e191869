"""Runs of automation rules on the wire, and rules tried out."""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from services.leads.follow_up.automation.acting import Done, Step
from services.leads.follow_up.automation.dry_run import DryRun
from services.leads.follow_up.automation.models import AutomationRuleIn
from services.leads.follow_up.automation.triggers import Trigger
from services.leads.follow_up.automation.use_cases import Outcome, Run
from shared.web.wire import Id, Timestamp, WireModel


class RunStepOut(WireModel):
    """What one action did: `nothing` where the lead was so already, `undone` where a later one was refused.

    To whom the lead went, into which pool, who was told.
    """

    do: str
    outcome: Done
    owner_id: Id | None
    pool_id: Id | None
    user_ids: list[Id]

    @classmethod
    def of(cls, step: Step) -> RunStepOut:
        return cls(
            do=step.do,
            outcome=step.outcome,
            owner_id=step.owner_id,
            pool_id=step.pool_id,
            user_ids=list(step.user_ids),
        )


class TriedOut(WireModel):
    """What a rule would do with a lead now; with those before it done."""

    lead_id: Id
    outcome: Outcome
    code: str | None
    detail: str | None
    steps: list[RunStepOut]

    @classmethod
    def of(cls, run: Run) -> Self:
        values = {name: getattr(run, name) for name in cls.model_fields if name != "steps"}
        return cls(**values, steps=[RunStepOut.of(step) for step in run.steps])


class RunOut(TriedOut):
    """A rule that acted (`done`), could not (`refused`: nothing of it was done, `code` and `detail` say why),
    or was kept from it (`stopped`): it would have run again in consequence of itself (`loop`), or of too many
    others (`too_deep`). `chain_id` is the event that all began with, `depth` how many runs deep this one is.
    """

    id: Id
    rule_id: Id
    rule_version: int
    event: Trigger
    event_id: Id
    at: Timestamp
    chain_id: Id
    depth: int


class DryRunIn(WireModel):
    """A rule as it might be, or one that there is."""

    rule: AutomationRuleIn | None = None
    automation_rule_id: Id | None = None
    days: Annotated[int, Field(ge=1, le=30, description="Over the events of so many last days.")] = 7

    @model_validator(mode="after")
    def _is_one(self) -> Self:
        if (self.rule is None) == (self.automation_rule_id is None):
            raise PydanticCustomError("which_rule", "Give either rule or automation_rule_id")
        return self


class DryRunOut(WireModel):
    """Nothing of it was done. Leads are judged as they are now, not as they were at the event."""

    since: Timestamp
    events: int = Field(description="Events of this kind that were read, at most 10,000, the newest.")
    cut: bool = Field(description="There may be more of them since then: not all were read.")
    matched: int = Field(description="Those of them that the rule waits for.")
    leads: int = Field(description="To so many leads they happened; repetitions aside.")
    unmet: dict[str, int] = Field(
        description="How many of these leads are not as demanded, by the first condition that fails."
    )
    apply: int = Field(description="How many are as demanded.")
    tried: list[TriedOut] = Field(description="The first hundred of those, of the newest events.")

    @classmethod
    def of(cls, found: DryRun) -> DryRunOut:
        names = ("since", "events", "cut", "matched", "leads", "apply")
        return cls(
            **{name: getattr(found, name) for name in names},
            unmet=dict(found.unmet),
            tried=[TriedOut.of(run) for run in found.runs],
        )
