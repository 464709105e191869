"""Events of the model: what a consumer decides by, and what they say to the KPIs."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from services.scoring.kpis.happenings import Happening, Place, Source

PARTITIONS = 2
STREAM = "cox.leads"
TENANT = UUID(int=1)
LEADS = [UUID(int=number) for number in (1, 2, 3)]
START_US = 1_767_225_600_000_000
HOUR_US = 3_600_000_000

WORDS = ("assigned", "won", "lost", "open", "moved", "updated")
"""What can happen to a lead after its creation."""


@dataclass(frozen=True, slots=True)
class Event:
    """A row of the journal, and its record in the log. `id` is the journal's."""

    id: int
    aggregate_id: UUID
    seq: int
    happening: Happening
    historic: bool = False
    replay: bool = False
    again: bool = False
    epoch: int = 1
    stream: str = STREAM
    tenant_id: UUID = TENANT
    type: str = "cox.leads.lead_created.v1"

    @property
    def event_id(self) -> UUID:
        return UUID(int=self.id)

    @property
    def partition(self) -> int:
        return partition_of(self.aggregate_id)


def partition_of(aggregate_id: UUID) -> int:
    return aggregate_id.int % PARTITIONS


def of_lead(lead: UUID, seq: int, word: str, hour: int, rep: int) -> Happening:
    """The `seq`-th event of a lead: the first creates it. Few hours on purpose, so that equal ones happen."""
    source = Source(START_US + hour * HOUR_US, str(lead), seq, f"{lead}:{seq}")
    place = Place(rep=rep, team=1)
    if seq == 1:
        return Happening("created", source, place, str(lead))
    if word in ("assigned", "updated"):
        return Happening(word, source, place, str(lead), values=word == "updated", minor=hour)
    outcome = None if word == "moved" else word
    return Happening("moved", source, place, str(lead), outcome=outcome, minor=100 + hour)


def of_activity(activity: UUID, lead: UUID, hour: int, rep: int) -> Happening:
    """An effective call about a lead: an aggregate of its own."""
    source = Source(START_US + hour * HOUR_US, str(activity), 1, f"{activity}:1")
    return Happening("acted", source, Place(rep=rep, team=1), str(lead), activity="call", effective=True)
