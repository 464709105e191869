"""`/v1/leads/{id}/personal-data`."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import Depends, Request
from fastapi.responses import Response
from pydantic import Field

from services.gateway.persons.use_cases import Asking, personal_data
from shared.web.context import Now
from shared.web.reads import Read, read_access
from shared.web.routing import Router
from shared.web.wire import Id, Timestamp, WireModel

router = Router(prefix="/v1/leads", tags=["privacy"])


class PersonalDataOut(WireModel):
    """Everything that is held about the person behind a lead, to be handed to them."""

    lead_id: Id
    at: Timestamp
    held: dict[str, Any] = Field(description="What leads holds: `GET /v1/leads/{id}/held`.")
    activities: list[dict[str, Any]] = Field(description="What was done for them, with what was noted.")


@router.get("/{lead_id}/personal-data", response_model=PersonalDataOut)
async def get_personal_data(
    lead_id: Id, request: Request, read: Annotated[Read, Depends(read_access("admin"))], at: Now
) -> Response:
    """One person's export: of all leads that share their phone, e-mail address or WeCom id. It is written
    down as a reading of all of them.
    """
    address = request.client.host if request.client else None
    found = await personal_data(Asking(request.app.state.services, read.principal, address), lead_id)
    return read.respond(
        PersonalDataOut.model_construct(
            lead_id=lead_id, at=at, held=found.held, activities=list(found.activities)
        )
    )
