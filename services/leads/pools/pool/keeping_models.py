"""Terms of keeping on the wire."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

from pydantic import Field

from services.leads.capture.intake.lead import Grade, Label
from services.leads.capture.intake.models import Tags
from services.leads.edge import Short, StageKey
from services.leads.pools.pool.keeping import Keeping, Special, Terms
from shared.web.wire import Id, WireModel

Term = Annotated[int, Field(ge=1, le=3650)]
Returns = Annotated[int, Field(ge=1, le=1_000_000)]


class TermsIn(WireModel):
    """Natural days of the owner's calendar, statutory holidays not counted; null: without end."""

    first_follow_up_days: Term | None = Field(
        default=None, description="From the assignment to the first effective follow-up."
    )
    follow_up_days: Term | None = Field(default=None, description="From one effective follow-up to the next.")
    deal_days: Term | None = Field(default=None, description="From the assignment to the deal.")

    def terms(self) -> Terms:
        return Terms(self.first_follow_up_days, self.follow_up_days, self.deal_days)


class SpecialIn(TermsIn):
    """Terms of leads that are all of what is given here, any of its values."""

    products: Annotated[list[Short], Field(max_length=100)] = Field(default_factory=list)
    tags: Tags = Field(default_factory=list)
    labels: Annotated[list[Label], Field(max_length=3)] = Field(default_factory=list)
    value_classes: Annotated[list[Grade], Field(max_length=4)] = Field(default_factory=list)

    def special(self) -> Special:
        return Special(
            self.terms(),
            tuple(self.products),
            tuple(dict.fromkeys(self.tags)),
            tuple(dict.fromkeys(self.labels)),
            tuple(dict.fromkeys(self.value_classes)),
        )

    @classmethod
    def of(cls, special: Special) -> SpecialIn:
        return cls(
            **asdict(special.terms),
            products=list(special.products),
            tags=list(special.tags),
            labels=list(special.labels),
            value_classes=list(special.value_classes),
        )


class KeepingIn(TermsIn):
    """On which terms owners keep leads of the pool, before these go back into it; special ones come first."""

    special: list[SpecialIn] = Field(default_factory=list, max_length=50)
    warn_days: Annotated[list[Term], Field(max_length=5)] = Field(
        default_factory=list, description="So many days before its end the owner is warned."
    )
    protection_days: Term | None = Field(
        default=None, description="So long at least whoever created a lead keeps it as its owner."
    )
    extension_days: Term | None = Field(
        default=None, description="What a superior may add to a term, once: `POST /v1/leads/{id}/extension`."
    )
    dormant_pool_id: Id | None = Field(
        default=None, description="Where a lead goes instead that comes back for the `dormant_after`th time."
    )
    dormant_after: Returns | None = None
    paused_stages: Annotated[list[StageKey], Field(max_length=50)] = Field(
        default_factory=list, description="While a lead is in one of them its terms stand still."
    )

    def keeping(self) -> Keeping:
        warnings = tuple(sorted(set(self.warn_days), reverse=True))
        return Keeping(
            self.terms(),
            tuple(each.special() for each in self.special),
            warnings,
            protection_days=self.protection_days,
            extension_days=self.extension_days,
            dormant_pool_id=self.dormant_pool_id,
            dormant_after=self.dormant_after,
            paused_stages=tuple(dict.fromkeys(self.paused_stages)),
        )

    @classmethod
    def of(cls, keeping: Keeping) -> KeepingIn:
        return cls(
            **asdict(keeping.terms),
            special=[SpecialIn.of(each) for each in keeping.special],
            warn_days=list(keeping.warn_days),
            protection_days=keeping.protection_days,
            extension_days=keeping.extension_days,
            dormant_pool_id=keeping.dormant_pool_id,
            dormant_after=keeping.dormant_after,
            paused_stages=list(keeping.paused_stages),
        )
