"""`/v1/leads/{id}/held`."""

from __future__ import annotations

from typing import Annotated, Any
from uuid import UUID

from fastapi import Depends
from pydantic import Field
from starlette.requests import Request
from starlette.responses import Response

from services.leads.capture.intake.models import LeadOut
from services.leads.judging.classification.models import ClassificationOut, ScoreOut
from services.leads.privacy.audit.api import AuditEntryOut
from services.leads.privacy.personal_data.use_cases import Held, held_about
from shared.web.context import Now
from shared.web.disclosures import witnessed
from shared.web.reads import Read, read_access
from shared.web.routing import Router
from shared.web.wire import Id, WireModel

router = Router(prefix="/v1/leads", tags=["privacy"])


class HeldOut(WireModel):
    """All that leads holds about a person."""

    leads: list[LeadOut]
    shares: dict[Id, list[str]] = Field(description="By lead, what says that it is theirs.")
    trail: list[AuditEntryOut] = Field(description="Who changed what, and who was shown contact data.")
    classifications: list[ClassificationOut] = Field(description="What rules decide about them, and why.")
    scores: list[ScoreOut]
    records: dict[str, list[dict[str, Any]]] = Field(
        description="What else is stored, by kind: assignments with their reasons, consents, moves …"
    )

    @classmethod
    def of(cls, held: Held) -> HeldOut:
        return cls.model_construct(
            leads=[LeadOut.of(shared.lead) for shared in held.leads],
            shares={shared.lead.id: list(shared.by) for shared in held.leads},
            trail=[AuditEntryOut.of(entry, with_keys=True) for entry in held.trail],
            classifications=[ClassificationOut.of(each) for each in held.judged],
            scores=[ScoreOut.of(each) for each in held.judged],
            records=held.records,
        )

    @property
    def discloses(self) -> tuple[UUID, ...]:
        """All of them, whatever of it is contact data: this is told to be passed on."""
        return tuple(lead.id for lead in self.leads)


@router.get("/{lead_id}/held", response_model=HeldOut)
async def get_held(
    request: Request, lead_id: Id, read: Annotated[Read, Depends(read_access("admin"))], at: Now
) -> Response:
    """All that leads holds about the person behind a lead; `personal-data` is the whole of it."""
    async with read.transaction() as tx:
        shown = HeldOut.of(await held_about(tx, read.principal, lead_id, at))
        witnessed(tx, request, [shown])
    return read.respond(shown)
