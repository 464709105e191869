"""The journal in memory: transactions that draw ids early and commit late, or never."""

from __future__ import annotations

from collections import Counter
from uuid import UUID

from services.scoring.kpis.happenings import Happening
from shared.events.relaying.rules import LOOK_BACK
from tests.machines.events import Event

STRIDE = LOOK_BACK + 1
"""Ids are as far apart as where many write: the scan never looks back so far as to see a late one."""


class Journal:
    """`rows` are committed; `pending` holds the ids not sent yet. An aggregate has one writer at a time."""

    def __init__(self) -> None:
        self.rows: dict[int, Event] = {}
        self.pending: set[int] = set()
        self.open: list[list[Event]] = []
        self._seqs: Counter[UUID] = Counter()
        self._last_id = 0

    def is_locked(self, aggregate_id: UUID) -> bool:
        return any(event.aggregate_id == aggregate_id for events in self.open for event in events)

    def next_seq(self, aggregate_id: UUID) -> int:
        return self._seqs[aggregate_id] + 1

    def begin(
        self, aggregate_id: UUID, happenings: list[Happening], *, historic: bool = False
    ) -> list[Event]:
        """Record events in a transaction that stays open: their ids are drawn now."""
        events = []
        for seq, happening in enumerate(happenings, self.next_seq(aggregate_id)):
            self._last_id += STRIDE
            events.append(Event(self._last_id, aggregate_id, seq, happening, historic))
        self.open.append(events)
        return events

    def commit(self, number: int) -> None:
        for event in self.open.pop(number):
            self.rows[event.id] = event
            self.pending.add(event.id)
            self._seqs[event.aggregate_id] = event.seq

    def roll_back(self, number: int) -> None:
        self.open.pop(number)

    def sent(self) -> list[Event]:
        """Committed and no longer pending, in the order of ids."""
        return [event for number, event in sorted(self.rows.items()) if number not in self.pending]
