"""`/v1/leads/{id}/qualification`."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends
from pydantic import Field
from starlette.responses import Response

from services.leads.edge import position
from services.leads.follow_up.pipelines.rules import QUALIFICATION, Criterion
from services.leads.judging.qualification.rules import Answer, Finding, Findings, met
from services.leads.judging.qualification.use_cases import Qualified, qualification_of, qualify
from shared.web.context import Now
from shared.web.reads import Read, read_access
from shared.web.routing import Router
from shared.web.wire import Id, Text, Timestamp, WireModel
from shared.web.writes import Write, write_access

router = Router(prefix="/v1/leads", tags=["leads"])

Reading = Annotated[Read, Depends(read_access("leads:read"))]
Writing = Annotated[Write, Depends(write_access("leads:write"))]


class FindingIn(WireModel):
    """An answer; `yes` and `no` need evidence: a text, or an activity recorded for this lead."""

    answer: Answer
    evidence: Annotated[str, Text(2000)] | None = None
    activity_id: Id | None = None

    def finding(self) -> Finding:
        return Finding(self.answer, self.evidence, self.activity_id)


class QualificationIn(WireModel):
    """The whole of what is known; what is absent is unknown."""

    need: FindingIn | None = None
    money: FindingIn | None = None
    authority: FindingIn | None = None
    eligibility: FindingIn | None = None

    def findings(self) -> Findings:
        given: dict[Criterion, FindingIn | None] = {name: getattr(self, name) for name in QUALIFICATION}
        return {name: one.finding() if one else Finding() for name, one in given.items()}


class FindingOut(WireModel):
    answer: Answer
    evidence: str | None
    activity_id: Id | None
    by_id: Id | None
    at: Timestamp | None

    @classmethod
    def of(cls, finding: Finding) -> FindingOut:
        return cls(**{name: getattr(finding, name) for name in Finding.__slots__})


class QualificationOut(WireModel):
    """What is known of a lead. `met`: how many of the four are answered with yes."""

    lead_id: Id
    version: int = Field(description="The lead's.")
    met: int
    need: FindingOut
    money: FindingOut
    authority: FindingOut
    eligibility: FindingOut

    @classmethod
    def of(cls, qualified: Qualified) -> QualificationOut:
        lead, findings = qualified.lead, qualified.findings
        shown = {str(name): FindingOut.of(finding) for name, finding in findings.items()}
        return cls(lead_id=lead.id, version=lead.version, met=met(findings), **shown)


@router.get("/{lead_id}/qualification", response_model=QualificationOut)
async def get_qualification(lead_id: Id, read: Reading) -> Response:
    """Need, money, authority, eligibility: what is known, and what that rests on."""
    return await read.one(
        lambda tx: qualification_of(tx, read.principal.tenant_id, lead_id),
        QualificationOut.of,
        position=lambda qualified: position(qualified.lead.id, qualified.lead.seq),
    )


@router.put("/{lead_id}/qualification", response_model=QualificationOut)
async def put_qualification(lead_id: Id, body: QualificationIn, write: Writing, at: Now) -> Response:
    """Say what is known, all of it; with If-Match only if the lead is still as it was read."""
    who, findings = write.principal, body.findings()
    return await write.run(
        lambda tx: qualify(tx, who.tenant_id, who.user_id, lead_id, findings, at, check_version=write.check),
        render=QualificationOut.of,
    )
