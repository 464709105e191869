"""Published by activities on `cox.activities`: the process itself, as recorded."""

from __future__ import annotations

from typing import ClassVar, Literal
from uuid import UUID

from shared.contracts.base import Credit, Dimensions, Event

ActivityKind = Literal["call", "visit", "email", "meeting", "demo", "message", "task"]


class ActivityRecorded(Event):
    """Something was done; event time is when it started.

    `credit` is who did it (nobody known: the owner's team); `effective` says whether it counts as follow-up;
    `owner_id` is the lead's owner then; `duration_s` in seconds. `part_of`: where the lead had been merged
    into another, that one and all above it, for which the activity counts, too.
    """

    topic: ClassVar[str] = "cox.activities"
    aggregate_type: ClassVar[str] = "activity"
    kind: ActivityKind
    lead_id: UUID | None
    owner_id: UUID | None
    credit: Credit
    dimensions: Dimensions
    outcome: str | None = None
    duration_s: int | None = None
    effective: bool
    part_of: tuple[UUID, ...] = ()
