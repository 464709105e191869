"""`/v1/duplicate-policy`."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import Depends
from pydantic import Field
from starlette.responses import Response

from services.leads.deduplication.duplicates.policy import policy_of, set_policy
from services.leads.deduplication.duplicates.rules import Action, Policy
from shared.web.context import Now
from shared.web.reads import Read, read_access
from shared.web.routing import Router
from shared.web.wire import WireModel
from shared.web.writes import Write, write_access

router = Router(prefix="/v1/duplicate-policy", tags=["leads"])


class DuplicatePolicyIn(WireModel):
    """What is done with a new lead that repeats another, by what they share.

    `off`: nothing · `flag`: it tells which one it repeats · `block`: it is refused, 409 `duplicate_lead` ·
    `merge`: it is merged into the other a moment later, before it is assigned.
    """

    phone: Action = "flag"
    email: Action = "flag"
    credit_code: Action = "flag"
    wecom_id: Action = "flag"
    family: Action = Field(default="off", description="Its phone is a relative's, as the other names them.")
    company: Literal["off", "flag"] = Field(default="off", description="The companies' names are alike.")


class DuplicatePolicyOut(DuplicatePolicyIn):
    """`version` is 0 while nothing was said."""

    version: int

    @classmethod
    def of(cls, policy: Policy) -> DuplicatePolicyOut:
        return cls(**{name: getattr(policy, name) for name in cls.model_fields})


@router.get("", response_model=DuplicatePolicyOut)
async def get_policy(read: Annotated[Read, Depends(read_access("leads:read"))]) -> Response:
    """What is done with leads that repeat others."""
    async with read.transaction() as tx:
        return read.respond(DuplicatePolicyOut.of(await policy_of(tx, read.principal.tenant_id)))


@router.put("", response_model=DuplicatePolicyOut)
async def put_policy(
    body: DuplicatePolicyIn, write: Annotated[Write, Depends(write_access("config:write"))], at: Now
) -> Response:
    """The whole of it, for leads that come from now on."""
    wanted = Policy(**body.model_dump())
    return await write.run(
        lambda tx: set_policy(tx, write.principal.tenant_id, wanted, at), render=DuplicatePolicyOut.of
    )
