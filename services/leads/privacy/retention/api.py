"""`/v1/retention`."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends
from pydantic import Field
from starlette.responses import Response

from services.leads.privacy.retention.rules import Policy
from services.leads.privacy.retention.use_cases import Pending, list_pending, policy_of, set_policy
from shared.web.context import Now
from shared.web.paging import Page, PageQuery, page_query
from shared.web.reads import Read, read_access
from shared.web.routing import Router
from shared.web.wire import Id, Timestamp, WireModel
from shared.web.writes import Write, write_access

router = Router(prefix="/v1/retention", tags=["privacy"])

Reading = Annotated[Read, Depends(read_access("leads:read"))]


class RetentionPolicyIn(WireModel):
    """Leads that are not won and gave no sign of life for so many months are forgotten (null: never), at
    least so many days after their owner, or who sees the whole tenant, was warned.
    """

    unanswered_months: Annotated[int, Field(ge=1, le=1200)] | None
    warn_days: Annotated[int, Field(ge=1, le=365)] = 30

    def policy(self) -> Policy:
        return Policy(unanswered_months=self.unanswered_months, warn_days=self.warn_days)


class RetentionPolicyOut(RetentionPolicyIn):
    """`version` 0: nobody has said anything, and everything is kept."""

    version: int

    @classmethod
    def of(cls, policy: Policy) -> RetentionPolicyOut:
        return cls(**{name: getattr(policy, name) for name in cls.model_fields})


class PendingOut(WireModel):
    """A lead that is forgotten then, unless there is a sign of life before."""

    lead_id: Id
    warned_at: Timestamp
    ends_at: Timestamp

    @classmethod
    def of(cls, one: Pending) -> PendingOut:
        return cls(**{name: getattr(one, name) for name in cls.model_fields})


@router.get("", response_model=RetentionPolicyOut)
async def get_policy(read: Reading) -> Response:
    """For how long leads are kept that nobody answers."""
    async with read.transaction() as tx:
        return read.respond(RetentionPolicyOut.of(await policy_of(tx, read.principal.tenant_id)))


@router.put("", response_model=RetentionPolicyOut)
async def put_policy(
    body: RetentionPolicyIn, write: Annotated[Write, Depends(write_access("admin"))], at: Now
) -> Response:
    """Say for how long. Nothing is forgotten before somebody was warned of it."""
    return await write.run(
        lambda tx: set_policy(tx, write.principal.tenant_id, body.policy(), at, check_version=write.check),
        render=RetentionPolicyOut.of,
    )


@router.get("/leads", response_model=Page[PendingOut])
async def get_pending(read: Reading, page: Annotated[PageQuery, Depends(page_query)]) -> Response:
    """Leads of which somebody was warned, as far as the caller sees them; what ends first comes first."""
    async with read.transaction() as tx:
        found = await list_pending(tx, read.principal.tenant_id, page.after_two, page.limit + 1)
    return page.answer(found, key=lambda one: [one.ends_at, one.lead_id], render=PendingOut.of)
