"""A relay in memory, one step at a time: the product's scan and its look at the log's end decide."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from shared.events.relaying import rules as relay_rules
from tests.machines.events import PARTITIONS, Event
from tests.machines.journal import Journal
from tests.machines.log import Log

BATCH = 3


@dataclass(slots=True)
class Outbox:
    """What all relays of a database share: the journal, who leads, and a republish under way."""

    journal: Journal
    log: Log
    leader: int | None = None
    to_republish: list[int] = field(default_factory=list)


class Carrier:
    """One relay process. `hand` holds what it read and has not settled; a stopped one keeps it."""

    def __init__(self, number: int, outbox: Outbox) -> None:
        self.number = number
        self.outbox = outbox
        self._begin()

    def _begin(self) -> None:
        self.scan = relay_rules.Scan()
        self.hand: list[Event] = []
        self.is_sent = False

    def die(self) -> None:
        """`kill -9`: whatever it held is gone."""
        self._begin()
        if self.leads:
            self.outbox.leader = None

    @property
    def leads(self) -> bool:
        return self.outbox.leader == self.number

    def lead(self) -> None:
        """Take the lock, and make sure of the log's end before anything is sent."""
        self.outbox.leader = self.number
        self.hand, self.is_sent = [], False
        self.scan.failed()
        self._send_window()

    def _send_window(self) -> None:
        outbox = self.outbox
        window = outbox.journal.sent()
        if outbox.to_republish:
            return
        partitions = range(PARTITIONS)
        sent = {p: [event.event_id for event in window if event.partition == p] for p in partitions}
        in_log = {p: [event.event_id for event in outbox.log.kept(p)] for p in partitions}
        missing = relay_rules.behind(sent, in_log)
        outbox.log.append(event for event in window if event.partition in missing)

    def step(self, now: float, portion: int) -> None:
        """The next of: read, send, settle. With a `portion`, only so many records are written before the
        broker fails."""
        if self.outbox.to_republish:
            self._republish()
        elif not self.hand:
            self._look(now)
        elif not self.is_sent:
            self._send(portion)
        else:
            self._settle()

    def _republish(self) -> None:
        if self.leads:
            outbox = self.outbox
            ids, outbox.to_republish = outbox.to_republish[:BATCH], outbox.to_republish[BATCH:]
            for number in ids:
                event = outbox.journal.rows[number]
                outbox.log.append([replace(event, replay=number not in outbox.journal.pending)])
                outbox.journal.pending.discard(number)

    def _look(self, now: float) -> None:
        if self.leads:
            above = self.scan.above(now)
            rows = self.outbox.journal.rows
            ids = sorted(number for number in self.outbox.journal.pending if number > above)
            self.hand = [rows[number] for number in ids[:BATCH]]

    def _send(self, portion: int) -> None:
        """One that was stopped meanwhile sends as well: it knows nothing of another leader."""
        written = self.hand if portion == 0 else self.hand[:portion]
        self.outbox.log.append(written)
        if portion == 0:
            self.is_sent = True
        elif self.leads:
            self.lead()
        else:
            self._begin()

    def _settle(self) -> None:
        """Delete what was acknowledged; the session of one that leads no more is gone, and it with it."""
        if self.leads:
            ids = [event.id for event in self.hand]
            self.outbox.journal.pending.difference_update(ids)
            self.scan.sent(ids)
            self.hand, self.is_sent = [], False
        else:
            self._begin()
