"""What a departure is, whose leads may go to whom, and how long somebody can come back to them."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Literal
from uuid import UUID

from shared.errors import Conflict, FieldError, Invalid, NotFound

State = Literal["planned", "done", "void", "cancelled"]

RETURN_PERIOD = timedelta(days=7)
"""Who is back so soon gets those leads again that nobody has touched."""


class AlreadyLeaving(Conflict):
    code = "already_leaving"
    title = "The user's departure is planned already; cancel it first"


class NotLeaving(NotFound):
    code = "not_leaving"
    title = "No departure of this user is planned"


class HasNotLeft(Conflict):
    code = "has_not_left"
    title = "The user has not left, or is back already"


class BadHandover(Invalid):
    code = "bad_handover"
    title = "Nobody to hand over to"


@dataclass(frozen=True, slots=True)
class HandoverRule:
    """Open leads go to these users, or to a unit's reps: each to whoever has the fewest then."""

    user_ids: tuple[UUID, ...]
    unit_id: UUID | None
    max_open_leads: int | None


@dataclass(frozen=True, slots=True)
class Departure:
    """`void`: it was not possible when it became due. `reason` is a code of the tenant's own.

    `leads_return` is None until they are back.
    """

    id: UUID
    user_id: UUID
    effective_at: datetime
    state: State
    reason: str | None
    handover: HandoverRule | None
    recorded_by: UUID | None
    recorded_at: datetime
    returned_at: datetime | None = None
    leads_return: bool | None = None

    @property
    def heirs(self) -> tuple[UUID, ...]:
        """Users whom the rule for the leads names."""
        return () if self.handover is None else self.handover.user_ids

    def seen_by(self, users: Collection[UUID]) -> Departure:
        """As it is for somebody who sees these users and no others."""
        kept = tuple(user for user in self.heirs if user in users)
        return replace(
            self,
            recorded_by=self.recorded_by if self.recorded_by in users else None,
            handover=None if self.handover is None else replace(self.handover, user_ids=kept),
        )


def leads_return(left_at: datetime, back_at: datetime) -> bool:
    """Whether somebody who is back then gets back what nobody has touched."""
    return back_at - left_at <= RETURN_PERIOD


def check_handover(
    rule: HandoverRule, leaver_id: UUID, users: Collection[UUID], *, is_unit_open: bool
) -> None:
    """Raises BadHandover. `users` are those of the named ones who are there."""
    at = "/handover/candidates"
    if bool(rule.user_ids) == (rule.unit_id is not None):
        errors = [FieldError(at, "which_candidates", "give either users or a unit")]
    elif rule.unit_id is not None:
        detail = f"there is no active unit {rule.unit_id}"
        errors = [] if is_unit_open else [FieldError(f"{at}/unit_id", "unknown_unit", detail)]
    else:
        wrong = {
            user: ("unknown_user", f"there is no active user {user}")
            for user in rule.user_ids
            if user not in users
        }
        if leaver_id in rule.user_ids:
            wrong[leaver_id] = ("leaver", "is who leaves")
        errors = [
            FieldError(f"{at}/user_ids/{place}", *wrong[user])
            for place, user in enumerate(rule.user_ids)
            if user in wrong
        ]
    if errors:
        raise BadHandover(errors[0].detail, errors=errors)
