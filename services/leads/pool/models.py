"""Pools on the wire."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any
from uuid import UUID

from pydantic import Field

from services.leads.pool.rules import Caps, Pool
from shared.web.wire import Code, Id, Line, Text, WireModel

PoolName = Annotated[str, Line(200)]
Claims = Annotated[int, Field(ge=1, le=1_000_000)]
Days = Annotated[int, Field(ge=0, le=3650)]


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
            active=self.active,
        )


class PoolPatch(WireModel):
    """What is to change; members and limits in hand are replaced as a whole."""

    name: PoolName | None = None
    is_default: bool | None = None
    members: MembersIn | None = None
    daily_claims: Claims | None = None
    max_in_hand: CapsIn | None = None
    cooling_days: Days | None = None
    cooling_team: bool | None = None
    active: bool | None = None

    def changes(self) -> Mapping[str, Any]:
        """Fields as in Pool; only of `daily_claims` null means none."""
        plain = ("name", "is_default", "cooling_days", "cooling_team", "active")
        given = {name: getattr(self, name) for name in plain if getattr(self, name) is not None}
        if "daily_claims" in self.model_fields_set:
            given["daily_claims"] = self.daily_claims
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
            max_in_hand=CapsIn(default=pool.caps.default, by_level=dict(pool.caps.by_level)),
        )


class ReleaseIn(WireModel):
    """Which pool, if not the one that the lead came from, else the default one; the reason stays here."""

    pool_id: Id | None = None
    reason: Annotated[str, Text(1000)] | None = None
