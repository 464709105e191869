"""What an organisation may look like, and where a person stands in it at any time."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Literal
from uuid import UUID

from shared.access.principal import Principal
from shared.access.roles import scopes_of
from shared.contracts.org import UnitKind, Visibility
from shared.errors import Conflict, Forbidden, Invalid

_MAY_HOLD: Mapping[str, frozenset[str]] = {
    "company": frozenset({"region", "team"}),
    "region": frozenset({"region", "team"}),
    "team": frozenset({"team"}),
}


class UnitMisplaced(Invalid):
    code = "unit_misplaced"
    title = "A unit of this kind does not belong there"


class UnitInUse(Conflict):
    code = "unit_in_use"
    title = "The unit still has active units or users"


class AlreadyThere(Conflict):
    code = "already_in_unit"
    title = "The user is already in that unit at that time"


class LastAdmin(Conflict):
    code = "last_admin"
    title = "The tenant's last active admin stays an active admin"


class GrantTooWide(Forbidden):
    code = "grant_too_wide"
    title = "Only an admin makes or changes an admin"


class RateNotPositive(Invalid):
    code = "rate_not_positive"
    title = "A rate is more than nothing"


class CodeTaken(Conflict):
    code = "code_taken"
    title = "The code is in use in this tenant"


@dataclass(frozen=True, slots=True)
class Unit:
    """`parent_id` is None at the root only; `version` is the org seq that last changed it.

    `calendar_id` is its own; without one, the nearest unit's above counts.
    """

    id: UUID
    parent_id: UUID | None
    kind: UnitKind
    code: str
    name: str
    active: bool
    version: int
    calendar_id: UUID | None = None


@dataclass(frozen=True, slots=True)
class User:
    """`version` is the org seq that last changed the user."""

    id: UUID
    display_name: str
    code: str
    unit_id: UUID
    roles: tuple[str, ...]
    visibility: Visibility
    is_rep: bool
    active: bool
    version: int
    created_at: datetime


def principal_of(tenant_id: UUID, user: User, org_version: int) -> Principal:
    """The person as who asks, with the rights that they have at this version of the org."""
    return Principal(
        tenant_id=tenant_id,
        id=user.id,
        kind="user",
        user_id=user.id,
        roles=frozenset(user.roles),
        scopes=scopes_of(user.roles),
        visibility=user.visibility,
        unit_id=user.unit_id,
        org_version=org_version,
        is_rep=user.is_rep,
    )


@dataclass(frozen=True, slots=True)
class Rate:
    """One unit of `currency` is worth `rate` of the tenant's currency on `valid_on`."""

    currency: str
    valid_on: date
    rate: Decimal
    version: int


@dataclass(frozen=True, slots=True)
class Move:
    """A transfer that took effect."""

    from_unit_id: UUID
    to_unit_id: UUID
    effective_at: datetime


@dataclass(frozen=True, slots=True)
class Transfer:
    """`from_unit_id` is None while planned; `void` is one that was not possible when it became due."""

    id: UUID
    user_id: UUID
    from_unit_id: UUID | None
    to_unit_id: UUID
    effective_at: datetime
    state: Literal["planned", "done", "void"]


@dataclass(frozen=True, slots=True)
class Placement:
    """Where a transfer takes a person from; `unit_id` is where they stand now, all transfers considered."""

    from_unit_id: UUID
    unit_id: UUID


def check_unit_place(kind: UnitKind, parent_kind: UnitKind | None) -> None:
    """Raises UnitMisplaced unless a unit of `kind` may stand under `parent_kind` (None: as the root)."""
    if parent_kind is None:
        if kind != "company":
            raise UnitMisplaced("The root of a tenant is a company; give parent_id for a region or a team")
    elif kind not in _MAY_HOLD[parent_kind]:
        allowed = ", ".join(sorted(_MAY_HOLD[parent_kind]))
        raise UnitMisplaced(f"A {parent_kind} holds {allowed}; not a {kind}")


def unit_at(now_in: UUID, moves: Sequence[Move], at: datetime) -> UUID:
    """The unit of a person at a time, by the transfers that took effect; `now_in` where there are none."""
    ordered = sorted(moves, key=lambda move: move.effective_at)
    before = [move for move in ordered if move.effective_at <= at]
    if before:
        return before[-1].to_unit_id
    return ordered[0].from_unit_id if ordered else now_in


def place(now_in: UUID, moves: Sequence[Move], to_unit_id: UUID, effective_at: datetime) -> Placement:
    """What a transfer that takes effect means. A later one that took effect already keeps its say about now.

    Raises AlreadyThere where the person is in that unit at that time anyway.
    """
    from_unit_id = unit_at(now_in, moves, effective_at)
    if from_unit_id == to_unit_id:
        raise AlreadyThere
    overtaken = any(move.effective_at > effective_at for move in moves)
    return Placement(from_unit_id, now_in if overtaken else to_unit_id)


def closure_of(parents: Mapping[UUID, UUID | None], unit_id: UUID) -> list[tuple[UUID, int]]:
    """A unit's ancestors with their distance, itself first (0)."""
    found: list[tuple[UUID, int]] = []
    at: UUID | None = unit_id
    while at is not None:
        found.append((at, len(found)))
        at = parents.get(at)
    return found


def in_tree_order(wanted: Iterable[tuple[UUID, UUID | None]]) -> list[UUID]:
    """New units so that a parent among them comes before its children. Raises UnitMisplaced on a circle."""
    parents = dict(wanted)
    ordered: list[UUID] = []
    done: set[UUID] = set()
    for start in parents:
        path: list[UUID] = []
        at: UUID | None = start
        while at is not None and at in parents and at not in done:
            if at in path:
                raise UnitMisplaced("These units stand above one another in a circle")
            path.append(at)
            at = parents[at]
        ordered.extend(reversed(path))
        done.update(path)
    return ordered


def check_grant(is_admin: bool, roles: Iterable[str]) -> None:
    """Raises GrantTooWide where somebody who is no admin would make one."""
    if not is_admin and "admin" in roles:
        raise GrantTooWide


def check_admin_stays(admins: Collection[UUID], user_id: UUID, still_admin: bool) -> None:
    """Raises LastAdmin where a change would leave the tenant without an active admin."""
    if not still_admin and set(admins) == {user_id}:
        raise LastAdmin
