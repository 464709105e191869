"""On which terms owners keep the leads of a pool. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args
from uuid import UUID

from services.leads.capture.intake.lead import Grade, Label
from shared.errors import FieldError, Invalid

Ended = Literal["no_first_follow_up", "no_follow_up", "no_deal"]
"""Which term came to its end."""
RECYCLED: frozenset[str] = frozenset(get_args(Ended))
"""A lead that comes in so comes back from an owner who did not keep it."""


class KeepingImpossible(Invalid):
    code = "keeping_impossible"
    title = "Terms that cannot work"


@dataclass(frozen=True, slots=True)
class Terms:
    """How long an owner keeps a lead, in natural days, statutory holidays not counted; None: without end.

    From the assignment to the first effective follow-up, from each to the next, and to the deal.
    """

    first_follow_up_days: int | None = None
    follow_up_days: int | None = None
    deal_days: int | None = None

    @property
    def given(self) -> tuple[int, ...]:
        days = (self.first_follow_up_days, self.follow_up_days, self.deal_days)
        return tuple(each for each in days if each is not None)


@dataclass(frozen=True, slots=True)
class Kept:
    """What of a lead decides on which terms it is kept."""

    product: str | None = None
    tags: tuple[str, ...] = ()
    label: Label | None = None
    value_class: Grade | None = None


@dataclass(frozen=True, slots=True)
class Special:
    """Other terms, for leads that are all of this: of one of these products, with one of these tags, of one
    of these labels, of one of these value classes; none: any.
    """

    terms: Terms
    products: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    labels: tuple[Label, ...] = ()
    value_classes: tuple[Grade, ...] = ()

    def is_for(self, kind: Kept) -> bool:
        return (
            (not self.products or kind.product in self.products)
            and (not self.tags or not set(self.tags).isdisjoint(kind.tags))
            and (not self.labels or kind.label in self.labels)
            and (not self.value_classes or kind.value_class in self.value_classes)
        )


@dataclass(frozen=True, slots=True)
class Keeping:
    """On which terms owners keep the leads of a pool; the first special ones that are for a lead count.

    They are warned so many days before. Who brought a lead in themselves keeps it `protection_days` at least;
    `extension_days` is what a superior may add, once. A lead that comes back for the `dormant_after`th time
    goes to the dormant pool. In `paused_stages` (of an open contract, say) terms stand still.
    """

    terms: Terms
    special: tuple[Special, ...] = ()
    warn_days: tuple[int, ...] = ()
    protection_days: int | None = None
    extension_days: int | None = None
    dormant_pool_id: UUID | None = None
    dormant_after: int | None = None
    paused_stages: tuple[str, ...] = ()

    def terms_for(self, kind: Kept) -> Terms:
        found = (each.terms for each in self.special if each.is_for(kind))
        return next(found, self.terms)


def check_keeping(keeping: Keeping) -> None:
    """Raises KeepingImpossible naming every term and warning that cannot work."""
    errors = []
    every = [("", keeping.terms)] + [(f"/special/{at}", one.terms) for at, one in enumerate(keeping.special)]
    for where, terms in every:
        if not terms.given:
            errors.append(FieldError(f"/keeping{where}", "no_term", "give at least one number of days"))
    for at, days in enumerate(keeping.warn_days):
        if all(term <= days for _, terms in every for term in terms.given):
            detail = f"no term is longer than {days} days: nobody would be warned"
            errors.append(FieldError(f"/keeping/warn_days/{at}", "warning_too_early", detail))
    if (keeping.dormant_pool_id is None) != (keeping.dormant_after is None):
        detail = "a dormant pool and after how many returns belong together"
        errors.append(FieldError("/keeping/dormant_after", "half_dormant", detail))
    if errors:
        raise KeepingImpossible(errors[0].detail, errors=errors)
