"""Suggestions, and leads given out, on the wire."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Literal
from uuid import UUID

from pydantic import Field

from services.leads.capture.intake.models import BadField, bad_fields
from services.leads.pools.curation.rules import Bar, Fit, Suggestion
from services.leads.pools.curation.use_cases import Standing, Suggested
from services.leads.pools.pool.giving import Gift, Given
from shared.errors import CoxError, FieldError, Invalid
from shared.web.wire import Id, Text, Timestamp, WireModel

BEST = 5
MOST_WITH_OTHERS = 10


class TooManyLeads(Invalid):
    code = "too_many_leads"
    title = "Ask for fewer leads at once"


class SuggestIn(WireModel):
    """Leads that lie in the pool; those that do so no more are left out."""

    lead_ids: Annotated[list[Id], Field(min_length=1, max_length=100)]
    with_others: bool = Field(
        default=False,
        description="Also whoever else was looked at, and why not they: of ten leads at the most.",
    )

    def asked(self) -> list[UUID]:
        """Raises TooManyLeads."""
        if self.with_others and len(self.lead_ids) > MOST_WITH_OTHERS:
            detail = f"of everybody only for {MOST_WITH_OTHERS} leads at once"
            raise TooManyLeads(detail, errors=[FieldError("/lead_ids", TooManyLeads.code, detail)])
        return self.lead_ids


class SuggestionOut(WireModel):
    """A rep, with what speaks for them and the figures of now.

    `in_hand` counts what the pool's caps do: open leads, or customers. `reason`: why they cannot have the
    lead; null: they could.
    """

    user_id: Id
    display_name: str | None
    fits: list[Fit]
    reason: Bar | None
    in_hand: int
    most_in_hand: int | None = Field(description="As many are too many: by the pool, or their own capacity.")
    claims_today: int
    level: str | None
    region: str | None
    absent_until: Timestamp | None
    cooling_until: Timestamp | None

    @classmethod
    def of(cls, one: Suggestion, standing: Standing, names: Mapping[UUID, str]) -> SuggestionOut:
        return cls(
            user_id=one.user_id,
            display_name=names.get(one.user_id),
            fits=list(one.fits),
            reason=one.bar,
            in_hand=one.candidate.open_leads,
            most_in_hand=one.most_in_hand,
            claims_today=standing.claims[one.user_id],
            level=one.candidate.level,
            region=one.candidate.region,
            absent_until=one.candidate.absent_until,
            cooling_until=one.cooling_until,
        )


class SuggestedOut(WireModel):
    """The best for a lead, at most five; `others` only where they were asked for."""

    lead_id: Id
    do_not_contact: bool = Field(description="Nobody may have it while the person wishes so.")
    suggestions: list[SuggestionOut]
    others: list[SuggestionOut] | None

    @classmethod
    def of(
        cls, found: Suggested, standing: Standing, names: Mapping[UUID, str], *, with_others: bool
    ) -> SuggestedOut:
        free = 0 if found.lead.do_not_contact else sum(one.bar is None for one in found.suggestions)
        best = min(free, BEST)
        shown = found.suggestions if with_others else found.suggestions[:best]
        listed = [SuggestionOut.of(one, standing, names) for one in shown]
        return cls(
            lead_id=found.lead.id,
            do_not_contact=found.lead.do_not_contact,
            suggestions=listed[:best],
            others=listed[best:] if with_others else None,
        )


class SuggestionsOut(WireModel):
    """One entry per lead that lies there, in the order asked for."""

    items: list[SuggestedOut]


class GiftIn(WireModel):
    lead_id: Id
    owner_id: Id


class GiveIn(WireModel):
    """Who is to have which lead, and why: the reason stays here."""

    items: Annotated[list[GiftIn], Field(min_length=1, max_length=1000)]
    reason: Annotated[str, Text(1000)] | None = None

    def gifts(self) -> list[Gift]:
        return [Gift(item.lead_id, item.owner_id) for item in self.items]


class GivenItem(WireModel):
    """What became of one item. `errors` says why it failed."""

    index: int
    status: Literal["assigned", "failed"]
    id: Id | None
    version: int | None
    owner_id: Id | None
    errors: list[BadField]


class GivenOut(WireModel):
    """One entry per item, in the order sent."""

    assigned: int
    failed: int
    items: list[GivenItem]

    @classmethod
    def of(cls, results: Sequence[Given | CoxError]) -> GivenOut:
        items = [_item(at, result) for at, result in enumerate(results)]
        failed = sum(item.status == "failed" for item in items)
        return cls(assigned=len(items) - failed, failed=failed, items=items)


def _item(at: int, result: Given | CoxError) -> GivenItem:
    if isinstance(result, CoxError):
        errors = bad_fields(at, result)
        return GivenItem(index=at, status="failed", id=None, version=None, owner_id=None, errors=errors)
    lead = result.lead
    return GivenItem(
        index=at, status="assigned", id=lead.id, version=lead.version, owner_id=lead.owner_id, errors=[]
    )
