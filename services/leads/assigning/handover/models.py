"""A redistribution on the wire."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal
from uuid import UUID

from pydantic import Field

from services.leads.assigning.assignment.models import CandidatesIn, MaxOpen
from services.leads.assigning.assignment.rules import Reason
from services.leads.assigning.handover.departures import HandoverDone
from services.leads.assigning.handover.rules import Distribution, Handed, Outcome, Share, least_loaded
from services.leads.assigning.handover.use_cases import Asked
from shared.web.wire import Id, Text, Timestamp, WireModel

Digest = Annotated[str, Field(pattern="^[0-9a-f]{64}$")]


class RedistributeIn(WireModel):
    """Whose open leads go to whom. First with `preview`, then with the `digest` that the preview told."""

    from_user_id: Id
    candidates: CandidatesIn
    strategy: Literal["least_loaded"] = "least_loaded"
    max_open_leads: MaxOpen | None = Field(
        default=None, description="Whoever has as many gets none; nor does who has as many as their capacity."
    )
    pool_id: Id | None = Field(
        default=None, description="Where those go whom nobody may have; null: to the default pool."
    )
    reason: Annotated[str, Text(1000)] | None = None
    preview: bool = Field(default=False, description="Only say what would be done.")
    digest: Digest | None = Field(
        default=None, description="Of a preview: refused with 409 where it would come out otherwise."
    )

    def asked(self) -> Asked:
        users = tuple(dict.fromkeys(self.candidates.user_ids))
        rule = least_loaded(users, self.candidates.unit_id, self.max_open_leads)
        return Asked(self.from_user_id, rule, self.pool_id, self.reason, self.digest)


class HandoverShareOut(WireModel):
    """What one candidate gets. `reason` says why nothing; `max_open_leads`: as many are too many for them."""

    user_id: Id
    display_name: str | None
    open_leads: int
    given: int
    open_leads_after: int
    max_open_leads: int | None
    reason: Reason | None

    @classmethod
    def of(cls, share: Share, names: Mapping[UUID, str]) -> HandoverShareOut:
        return cls(
            user_id=share.user_id,
            display_name=names.get(share.user_id),
            open_leads=share.open_leads,
            given=share.given,
            open_leads_after=share.open_leads + share.given,
            max_open_leads=share.most_open,
            reason=share.reason,
        )


class HandedOut(WireModel):
    """What becomes of one lead: its new owner, who had the fewest `open_leads` then; or the pool it goes to.

    Both null: it stays, for want of a pool.
    """

    lead_id: Id
    owner_id: Id | None
    pool_id: Id | None
    reason: Outcome
    open_leads: int | None

    @classmethod
    def of(cls, handed: Handed, pool_id: UUID | None) -> HandedOut:
        return cls(
            lead_id=handed.lead_id,
            owner_id=handed.owner_id,
            pool_id=pool_id if handed.owner_id is None else None,
            reason=handed.outcome,
            open_leads=handed.open_leads,
        )


class RedistributionOut(WireModel):
    """Up to 1,000 leads, the oldest first: ask again for those behind. `digest` stands for all of it."""

    preview: bool
    digest: str
    candidates: list[HandoverShareOut]
    leads: list[HandedOut]

    @classmethod
    def of(cls, done: Distribution, names: Mapping[UUID, str], *, preview: bool) -> RedistributionOut:
        return cls(
            preview=preview,
            digest=done.digest,
            candidates=[HandoverShareOut.of(share, names) for share in done.shares],
            leads=[HandedOut.of(one, done.pool_id) for one in done.leads],
        )


class HandoverRuleOut(WireModel):
    """Who was to take over, as it was said when the departure was recorded."""

    user_ids: list[Id]
    unit_id: Id | None
    max_open_leads: int | None


class HandoverOut(WireModel):
    """What became of the open leads of somebody who left; `ended_at` is null while it goes on.

    `stayed`: nobody might have them, and there was no default pool. `returned`: the leaver came back to them.
    `warning`: so many `open_leads` are still a leaver's; redistribute them by hand.
    """

    departure_id: Id
    user_id: Id
    left_at: Timestamp
    rule: HandoverRuleOut | None
    candidates: list[HandoverShareOut]
    given: int
    pooled: int
    stayed: int
    returned: int
    began_at: Timestamp
    ended_at: Timestamp | None
    returned_at: Timestamp | None
    open_leads: int
    warning: Literal["leads_left_behind"] | None

    @classmethod
    def of(cls, done: HandoverDone, names: Mapping[UUID, str]) -> HandoverOut:
        told = cls.model_fields.keys() - {"rule", "candidates", "warning"}
        left_behind = done.open_leads and done.ended_at and not done.returned_at
        return cls(
            **{name: getattr(done, name) for name in told},
            rule=None if done.rule is None else HandoverRuleOut.model_validate(done.rule),
            candidates=[HandoverShareOut.of(share, names) for share in done.shares],
            warning="leads_left_behind" if left_behind else None,
        )
