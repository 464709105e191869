"""When an activity counts as follow-up, who gets the credit, and what makes two requests the same
activity.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import orjson

from shared.contracts.activities import ActivityKind
from shared.errors import Conflict, FieldError, Forbidden, Invalid, NotFound

CONNECTED_CALL_S = 30
"""A call shorter than this reached nobody worth counting."""
CLOCK_TOLERANCE = timedelta(minutes=5)
"""How far a client's clock may be ahead."""
NOT_DONE = frozenset({"cancelled", "missed", "no_show", "postponed", "false"})
"""Outcomes of a visit, meeting or demo that did not take place, or was found not to have."""


class UnknownLead(NotFound):
    code = "unknown_lead"
    title = "There is no such lead, or none that you may see"


class UnknownRep(Invalid):
    code = "unknown_rep"
    title = "There is no such rep, or none that you may act for"


class NotYourRep(Forbidden):
    code = "not_your_rep"
    title = "Only who leads a rep records activities for them"


class ClientIdReused(Conflict):
    code = "client_id_reused"
    title = "This client_id was used for another activity"


class InTheFuture(Invalid):
    code = "in_the_future"
    title = "What is recorded has happened"


@dataclass(frozen=True, slots=True)
class Done:
    """One thing that was done, as somebody says it. `rep_id` None: by who says it."""

    kind: ActivityKind
    started_at: datetime
    lead_id: UUID | None = None
    outcome: str | None = None
    duration_s: int | None = None
    note: str | None = None
    rep_id: UUID | None = None
    client_id: str | None = None


def is_effective(kind: str, outcome: str | None, duration_s: int | None) -> bool:
    """Whether it counts as follow-up: the customer was reached, answered, or was met."""
    if kind == "call":
        return outcome == "connected" and (duration_s or 0) >= CONNECTED_CALL_S
    if kind in ("email", "message"):
        return outcome == "replied"
    if kind in ("visit", "meeting", "demo"):
        return outcome not in NOT_DONE
    return False


def check_time(started_at: datetime, now: datetime) -> None:
    """Raises InTheFuture where it has not happened yet."""
    if started_at > now + CLOCK_TOLERANCE:
        detail = "started_at lies in the future; only what has happened is recorded"
        raise InTheFuture(detail, errors=[FieldError("/started_at", "in_the_future", detail)])


def digest_of(content: Mapping[str, Any]) -> str:
    """The same for the same content, whatever the order of its fields."""
    return hashlib.sha256(orjson.dumps(content, option=orjson.OPT_SORT_KEYS)).hexdigest()


def digest_of_done(done: Done, *, said_when: bool) -> str:
    """What a `client_id` stands for. A time that the client left to us is no part of what it said."""
    return digest_of(
        {
            "kind": done.kind, "lead_id": done.lead_id, "outcome": done.outcome,
            "duration_s": done.duration_s,
            "note": done.note, "rep_id": done.rep_id, "started_at": done.started_at if said_when else None,
        }
    )  # fmt: skip


def credited_person(wanted: UUID | None, own: UUID | None, *, acts_for_others: bool) -> UUID | None:
    """Whose activity it is: the rep who is named, else who records it (None: nobody, as for a partner's key).

    Raises NotYourRep where somebody who sees only their own records for another.
    """
    if wanted is None or wanted == own:
        return own
    if not acts_for_others:
        raise NotYourRep("You record your own activities; leave rep_id out")
    return wanted
