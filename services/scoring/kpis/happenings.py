"""What the fold is told: an event, as far as KPIs ask. Pure."""

from __future__ import annotations

from typing import NamedTuple


class Place(NamedTuple):
    """To whom and where a fact belongs: surrogates of dimensions, 0 = none."""

    rep: int = 0
    team: int = 0
    region: int = 0
    product: int = 0
    channel: int = 0


NOWHERE = Place()
NOBODY = -1
"""The owner of a lead that lies in a pool."""


class Source(NamedTuple):
    """The event that establishes a fact; `at_us` is its event time in microseconds since 1970."""

    at_us: int
    aggregate: str
    seq: int
    event_id: str


class Happening(NamedTuple):
    """What an event says, as far as KPIs ask. `kind` is created, assigned, pooled, moved, updated, acted,
    responded, merged, unmerged, absorbed or separated.

    `outcome` is the lead's new status where it changed (open = reopened); `minor` the value in minor units
    of the tenant's currency; `activity` the kind of an activity; `worked_s` the working time, in seconds,
    that a response took. `leads`: those that an activity's lead was a part of then, or that became parts of
    this one, or no longer are; `start`: what is not counted of a lead while it is a part of another, at
    `place`.
    """

    kind: str
    source: Source
    place: Place
    lead: str | None = None
    start_known: bool = True
    outcome: str | None = None
    values: bool = False
    minor: int | None = None
    activity: str | None = None
    effective: bool = False
    worked_s: int | None = None
    leads: tuple[str, ...] = ()
    start: Source | None = None

    @property
    def concerned(self) -> tuple[str, ...]:
        """The leads whose states may depend on it."""
        if self.lead is None or not self.decides:
            return ()
        return (self.lead, *self.leads) if self.kind == "acted" and self.leads else (self.lead,)

    @property
    def decides(self) -> bool:
        """Whether the lead's state may depend on it."""
        match self.kind:
            case "created":
                return self.start_known
            case "assigned" | "merged" | "unmerged" | "absorbed" | "separated":
                return True
            case "pooled":
                return self.place.rep != 0
            case "moved":
                return self.outcome is not None
            case "updated":
                return self.values
            case _:
                return self.effective and self.lead is not None and self.place.rep != 0
