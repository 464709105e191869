"""Pools on the wire."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Annotated, Any
from uuid import UUID

from pydantic import Field

from services.leads.edge import Short
from services.leads.intake.models import Tags
from services.leads.pool.rules import Caps, Keeping, Pool, Special, Terms
from shared.web.wire import Code, Id, Line, Text, WireModel

PoolName = Annotated[str, Line(200)]
Claims = Annotated[int, Field(ge=1, le=1_000_000)]
Days = Annotated[int, Field(ge=0, le=3650)]
Term = Annotated[int, Field(ge=1, le=3650)]


class MembersIn(WireModel):
    """Reps by name, and the reps of units and of those below them."""

    user_ids: list[Id] = Field(default_factory=list, max_length=500)
    unit_ids: list[Id] = Field(default_factory=list, max_length=500)


class CapsIn(WireModel):
    """Most open leads in hand for whoever claims: by the rep's level, else `default`; null: any number."""

    default: Claims | None = None
    by_level: dict[Code, Claims] = Field(default_factory=dict, max_length=50)

    def caps(self) -> Caps:
        return Caps(self.default, self.by_level)


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
    """Terms of leads of one of these products, if any are named, with one of these tags, if any are."""

    products: Annotated[list[Short], Field(max_length=100)] = Field(default_factory=list)
    tags: Tags = Field(default_factory=list)


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
    dormant_after: Claims | None = None

    def keeping(self) -> Keeping:
        special = [
            Special(each.terms(), tuple(each.products), tuple(dict.fromkeys(each.tags)))
            for each in self.special
        ]
        warnings = tuple(sorted(set(self.warn_days), reverse=True))
        return Keeping(
            self.terms(),
            tuple(special),
            warnings,
            protection_days=self.protection_days,
            extension_days=self.extension_days,
            dormant_pool_id=self.dormant_pool_id,
            dormant_after=self.dormant_after,
        )

    @classmethod
    def of(cls, keeping: Keeping) -> KeepingIn:
        special = [
            SpecialIn(**asdict(each.terms), products=list(each.products), tags=list(each.tags))
            for each in keeping.special
        ]
        return cls(
            **asdict(keeping.terms),
            special=special,
            warn_days=list(keeping.warn_days),
            protection_days=keeping.protection_days,
            extension_days=keeping.extension_days,
            dormant_pool_id=keeping.dormant_pool_id,
            dormant_after=keeping.dormant_after,
        )


class PoolIn(WireModel):
    """A pool of leads that nobody owns. Leads that no rule finds anybody for go to the default one."""

    name: PoolName
    is_default: bool = False
    members: MembersIn
    daily_claims: Claims | None = Field(
        default=None, description="By each member in a natural day of the tenant; null: any number."
    )
    max_in_hand: CapsIn = Field(default_factory=CapsIn)
    cooling_days: Days = Field(
        default=0, description="So long the owner before may not claim a lead that went back into the pool."
    )
    cooling_team: bool = Field(default=False, description="Nor may anybody else of their team.")
    keeping: KeepingIn | None = Field(default=None, description="Null: owners keep what they have.")
    active: bool = True

    def pool(self, pool_id: UUID) -> Pool:
        return Pool(
            id=pool_id,
            version=1,
            name=self.name,
            is_default=self.is_default and self.active,
            unit_ids=tuple(dict.fromkeys(self.members.unit_ids)),
            user_ids=tuple(dict.fromkeys(self.members.user_ids)),
            daily_claims=self.daily_claims,
            caps=self.max_in_hand.caps(),
            cooling_days=self.cooling_days,
            cooling_team=self.cooling_team,
            keeping=self.keeping.keeping() if self.keeping else None,
            active=self.active,
        )


class PoolPatch(WireModel):
    """What is to change; members, limits in hand and terms of keeping are replaced as a whole."""

    name: PoolName | None = None
    is_default: bool | None = None
    members: MembersIn | None = None
    daily_claims: Claims | None = None
    max_in_hand: CapsIn | None = None
    cooling_days: Days | None = None
    cooling_team: bool | None = None
    keeping: KeepingIn | None = None
    active: bool | None = None

    def changes(self) -> Mapping[str, Any]:
        """Fields as in Pool; only of `daily_claims` and `keeping` null means none."""
        plain = ("name", "is_default", "cooling_days", "cooling_team", "active")
        given = {name: getattr(self, name) for name in plain if getattr(self, name) is not None}
        if "daily_claims" in self.model_fields_set:
            given["daily_claims"] = self.daily_claims
        if "keeping" in self.model_fields_set:
            given["keeping"] = self.keeping.keeping() if self.keeping else None
        if self.max_in_hand is not None:
            given["caps"] = self.max_in_hand.caps()
        if self.members is not None:
            given["unit_ids"] = tuple(dict.fromkeys(self.members.unit_ids))
            given["user_ids"] = tuple(dict.fromkeys(self.members.user_ids))
        return given


class PoolOut(WireModel):
    """A pool as it is now."""

    id: Id
    version: int
    name: str
    is_default: bool
    members: MembersIn
    daily_claims: int | None
    max_in_hand: CapsIn
    cooling_days: int
    cooling_team: bool
    keeping: KeepingIn | None
    active: bool

    @classmethod
    def of(cls, pool: Pool) -> PoolOut:
        same = (
            "id",
            "version",
            "name",
            "is_default",
            "daily_claims",
            "cooling_days",
            "cooling_team",
            "active",
        )
        return cls(
            **{name: getattr(pool, name) for name in same},
            members=MembersIn(user_ids=list(pool.user_ids), unit_ids=list(pool.unit_ids)),
            keeping=KeepingIn.of(pool.keeping) if pool.keeping else None,
            max_in_hand=CapsIn(default=pool.caps.default, by_level=dict(pool.caps.by_level)),
        )


class ReleaseIn(WireModel):
    """Which pool, if not the one that the lead came from, else the default one; the reason stays here."""

    pool_id: Id | None = None
    reason: Annotated[str, Text(1000)] | None = None
