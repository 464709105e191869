"""Pools on the wire."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any
from uuid import UUID

from pydantic import Field

from services.leads.pools.pool.keeping_models import KeepingIn
from services.leads.pools.pool.rules import Caps, Pool
from shared.contracts.leads import PoolKind
from shared.web.wire import Code, Id, Line, Text, WireModel

PoolName = Annotated[str, Line(200)]
Claims = Annotated[int, Field(ge=1, le=1_000_000)]
DailyClaims = Annotated[int, Field(ge=0, le=1_000_000)]
Days = Annotated[int, Field(ge=0, le=3650)]
AdminIds = Annotated[
    list[Id],
    Field(max_length=100, description="Users who see what lies there, and give it to whom they like."),
]
HiddenFields = Annotated[
    list[Annotated[str, Line(64)]],
    Field(max_length=100, description="Custom fields that are not shown while a lead lies there."),
]


class MembersIn(WireModel):
    """Reps by name, and the reps of units and of those below them."""

    user_ids: list[Id] = Field(default_factory=list, max_length=500)
    unit_ids: list[Id] = Field(default_factory=list, max_length=500)


class CapsIn(WireModel):
    """Most open leads (in a pool of customers: customers) in hand for whoever takes one more: by the rep's
    level, else `default`; null: any number.
    """

    default: Claims | None = None
    by_level: dict[Code, Claims] = Field(default_factory=dict, max_length=50)

    def caps(self) -> Caps:
        return Caps(self.default, self.by_level)


class PoolIn(WireModel):
    """A pool of leads that nobody owns. Leads that no rule finds anybody for go to the default one.

    In a pool of customers lie won leads; what it is never changes.
    """

    name: PoolName
    kind: PoolKind = "leads"
    is_default: bool = Field(default=False, description="One of each kind at the most.")
    members: MembersIn
    admin_ids: AdminIds = Field(default_factory=list)
    daily_claims: DailyClaims | None = Field(
        default=None,
        description="By each member in a natural day of the tenant; null: any number, 0: nobody claims.",
    )
    max_in_hand: CapsIn = Field(default_factory=CapsIn)
    cooling_days: Days = Field(
        default=0, description="So long the owner before may not have a lead that went back into the pool."
    )
    cooling_team: bool = Field(default=False, description="Nor may anybody else of their team.")
    keeping: KeepingIn | None = Field(default=None, description="Null: owners keep what they have.")
    hidden_fields: HiddenFields = Field(default_factory=list)
    active: bool = True

    def pool(self, pool_id: UUID) -> Pool:
        return Pool(
            id=pool_id,
            version=1,
            name=self.name,
            kind=self.kind,
            is_default=self.is_default and self.active,
            unit_ids=tuple(dict.fromkeys(self.members.unit_ids)),
            user_ids=tuple(dict.fromkeys(self.members.user_ids)),
            admin_ids=tuple(dict.fromkeys(self.admin_ids)),
            daily_claims=self.daily_claims,
            caps=self.max_in_hand.caps(),
            cooling_days=self.cooling_days,
            cooling_team=self.cooling_team,
            keeping=self.keeping.keeping() if self.keeping else None,
            hidden_fields=tuple(dict.fromkeys(self.hidden_fields)),
            active=self.active,
        )


class PoolPatch(WireModel):
    """What is to change; lists, members, limits in hand and terms of keeping are replaced as a whole."""

    name: PoolName | None = None
    is_default: bool | None = None
    members: MembersIn | None = None
    admin_ids: AdminIds | None = None
    daily_claims: DailyClaims | None = None
    max_in_hand: CapsIn | None = None
    cooling_days: Days | None = None
    cooling_team: bool | None = None
    keeping: KeepingIn | None = None
    hidden_fields: HiddenFields | None = None
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
        for name in ("admin_ids", "hidden_fields"):
            if (listed := getattr(self, name)) is not None:
                given[name] = tuple(dict.fromkeys(listed))
        if self.members is not None:
            given["unit_ids"] = tuple(dict.fromkeys(self.members.unit_ids))
            given["user_ids"] = tuple(dict.fromkeys(self.members.user_ids))
        return given


class PoolOut(WireModel):
    """A pool as it is now."""

    id: Id
    version: int
    name: str
    kind: PoolKind
    is_default: bool
    members: MembersIn
    admin_ids: list[Id]
    daily_claims: int | None
    max_in_hand: CapsIn
    cooling_days: int
    cooling_team: bool
    keeping: KeepingIn | None
    hidden_fields: list[str]
    active: bool

    @classmethod
    def of(cls, pool: Pool) -> PoolOut:
        shown = ("members", "admin_ids", "max_in_hand", "keeping", "hidden_fields")
        return cls(
            **{name: getattr(pool, name) for name in cls.model_fields.keys() - set(shown)},
            members=MembersIn(user_ids=list(pool.user_ids), unit_ids=list(pool.unit_ids)),
            admin_ids=list(pool.admin_ids),
            keeping=KeepingIn.of(pool.keeping) if pool.keeping else None,
            hidden_fields=list(pool.hidden_fields),
            max_in_hand=CapsIn(default=pool.caps.default, by_level=dict(pool.caps.by_level)),
        )


class ReleaseIn(WireModel):
    """Which pool, if not the one that the lead came from, else the default one of its kind; the reason stays
    here.
    """

    pool_id: Id | None = None
    reason: Annotated[str, Text(1000)] | None = None


class AssignIn(WireModel):
    """Who is to own the lead, and why: the reason stays here."""

    owner_id: Id
    reason: Annotated[str, Text(1000)] | None = None
