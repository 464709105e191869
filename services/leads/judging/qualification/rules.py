"""What has to be known of a lead to call it qualified. Pure."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Literal
from uuid import UUID

from services.leads.follow_up.pipelines.rules import QUALIFICATION, Criterion
from shared.errors import FieldError, Invalid

Answer = Literal["yes", "no", "unknown"]


class QualificationImpossible(Invalid):
    code = "qualification_impossible"
    title = "An answer needs evidence: what was said, or an activity of this lead"


@dataclass(frozen=True, slots=True)
class Finding:
    """An answer, what it rests on (a text, an activity, or both), and who gave it when."""

    answer: Answer = "unknown"
    evidence: str | None = None
    activity_id: UUID | None = None
    by_id: UUID | None = None
    at: datetime | None = None

    @property
    def said(self) -> tuple[Answer, str | None, UUID | None]:
        """Without who said it."""
        return self.answer, self.evidence, self.activity_id


Findings = Mapping[Criterion, Finding]
NOTHING_KNOWN: Findings = dict.fromkeys(QUALIFICATION, Finding())


def met(findings: Findings) -> int:
    """How many of the four are answered with yes."""
    return sum(finding.answer == "yes" for finding in findings.values())


def check(findings: Findings, activities: Collection[UUID]) -> None:
    """`activities` are those of the lead. Raises QualificationImpossible naming every answer that is bare."""
    errors: list[FieldError] = []
    for name, finding in findings.items():
        if finding.answer != "unknown" and finding.evidence is None and finding.activity_id is None:
            detail = "say what the answer rests on: `evidence`, or an `activity_id`"
            errors.append(FieldError(f"/{name}/evidence", "evidence_missing", detail))
        if finding.activity_id is not None and finding.activity_id not in activities:
            detail = f"the lead has no activity {finding.activity_id}"
            errors.append(FieldError(f"/{name}/activity_id", "unknown_activity", detail))
    if errors:
        raise QualificationImpossible(errors[0].detail, errors=errors)


def changed(old: Findings, new: Findings) -> dict[Criterion, Finding]:
    """What is said anew; who said the same before stays who said it."""
    return {name: finding for name, finding in new.items() if finding.said != old[name].said}
