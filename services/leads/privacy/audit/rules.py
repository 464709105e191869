"""What an entry of the trail says, and in which order. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

Kind = Literal["change", "read"]
Who = Literal["user", "api_key", "service", "rule"]
CONTACT = frozenset({"phone", "email", "wecom_id", "other_phones"})
"""Fields that are masked for whoever may not contact a lead."""
NAMING = CONTACT | {"name"}
"""Fields that say who somebody is."""


@dataclass(frozen=True, slots=True)
class FieldChange:
    """A field's value before and after. `lost`: the person is forgotten, and the values with them."""

    field: str
    before: Any = None
    after: Any = None
    lost: bool = False


@dataclass(frozen=True, slots=True)
class Asked:
    """Which part of the trail: of a lead, by a user, from a moment on and before another, of a kind."""

    lead_id: UUID | None = None
    user_id: UUID | None = None
    from_at: datetime | None = None
    before_at: datetime | None = None
    kind: Kind | None = None


@dataclass(frozen=True, slots=True)
class Entry:
    """One thing that was done: a change of a lead, or an answer that showed contact data of `lead_ids`.

    `seq` is the lead's version since then, `event` what happened and `facts` what it says of itself.
    `principal_id`: the user, the API key, or the rule that did it; `cause_id`: the event it follows from.
    """

    at: datetime
    id: UUID
    kind: Kind
    lead_ids: tuple[UUID, ...]
    who: Who
    principal_id: UUID | None
    user_id: UUID | None
    route: str | None
    address: str | None
    trace_id: str | None
    leads: int = 1
    seq: int | None = None
    event: str | None = None
    facts: Mapping[str, Any] | None = None
    cause_id: UUID | None = None
    changes: tuple[FieldChange, ...] = ()
    contactable: bool = True

    @property
    def place(self) -> tuple[datetime, UUID]:
        return self.at, self.id


def changes_from(
    names: Iterable[str], plain: Mapping[str, Any] | None, personal: Mapping[str, Any] | None
) -> tuple[FieldChange, ...]:
    """What is known of the changed fields; those of which nothing is stored any more are `lost`."""
    known = {**(plain or {}), **(personal or {})}
    return tuple(
        FieldChange(name, *known[name]) if name in known else FieldChange(name, lost=True) for name in names
    )


def withheld(entry: Entry, hidden: str) -> Entry:
    """For somebody who may not contact the lead: contact data reads as `hidden`."""
    changes = tuple(
        one
        if one.field not in CONTACT
        else replace(one, before=one.before and hidden, after=one.after and hidden)
        for one in entry.changes
    )
    return replace(entry, changes=changes, contactable=False)


def latest(groups: Iterable[Sequence[Entry]], most: int) -> list[Entry]:
    """The latest of all groups together, the latest first."""
    together = [entry for group in groups for entry in group]
    return sorted(together, key=lambda entry: entry.place, reverse=True)[:most]
