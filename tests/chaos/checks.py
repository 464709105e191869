"""What must hold afterwards, as pure comparisons: ledger, journal, log, streams. An empty list is good."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, NamedTuple
from uuid import UUID

from shared.events.relaying.rules import LOOK_BACK
from tests.chaos.findings import Finding, doubled, lost, mismatch
from tests.chaos.ledger import Entry


class Told(NamedTuple):
    """An event as journal, log or stream tell it."""

    event_id: UUID
    aggregate_id: UUID
    seq: int
    type: str


@dataclass(frozen=True, slots=True)
class Heard:
    """What one listener got. `resets`: how often it was told that something may be missing."""

    ids: Sequence[UUID]
    resets: int = 0


def check_ledger(entries: Iterable[Entry], effects: Mapping[str, int]) -> list[Finding]:
    """Each thing asked for against how often its mark is stored: by the kind and number of its answers."""
    found = []
    for entry in entries:
        count = effects.get(entry.mark, 0)
        answers = ", ".join(verdict.value for verdict in entry.verdicts) or "no answer"
        if count < entry.least:
            found.append(lost(f"{entry.kind} {entry.mark} was answered ({answers}) and is not there"))
        elif count > max(entry.most, 1):
            found.append(doubled(f"{entry.kind} {entry.mark} is there {count} times ({answers})"))
        elif count > entry.most:
            found.append(mismatch(f"{entry.kind} {entry.mark} was refused ({answers}) and is there"))
    return found


def check_journal(journal: Iterable[Told]) -> list[Finding]:
    """Each aggregate's events are 1, 2, 3 …, in the journal's order."""
    found, last = [], dict[UUID, int]()
    for event in journal:
        expected = last.get(event.aggregate_id, 0) + 1
        if event.seq != expected:
            found.append(mismatch(f"journal: {event.aggregate_id} has {event.seq} where {expected} belongs"))
        last[event.aggregate_id] = event.seq
    return found


def check_log(
    journal: Iterable[Told],
    log: Iterable[Told],
    later: Iterable[Told] = (),
    places: Mapping[UUID, int] = MappingProxyType({}),
) -> list[Finding]:
    """Every journal event is in the log, each aggregate's in order; a repeat of the same does no harm.

    `later`: recorded since, which the log may hold or not. `places`: ids in the journal, by event. What is
    committed after more than LOOK_BACK other ids were drawn is found by the scan from the bottom only, and
    may stand behind a successor: consumers put that in order. Nothing else may.
    """
    wanted = {event.event_id: event for event in journal}
    known = wanted | {event.event_id: event for event in later}
    found, seen, passed = [], set[UUID](), dict[UUID, dict[int, UUID]]()
    for record in log:
        if record.event_id in seen:
            continue
        seen.add(record.event_id)
        own = known.get(record.event_id)
        if own != record:
            found.append(mismatch(f"log: {_name(record)} is not what the journal holds: {own}"))
            continue
        before = passed.setdefault(record.aggregate_id, {})
        if before and record.seq < max(before):
            place = places.get(record.event_id, 0)
            overtaking = {seq: event_id for seq, event_id in before.items() if seq > record.seq}
            if any(places.get(each, 0) - place <= LOOK_BACK for each in overtaking.values()):
                found.append(mismatch(f"log: {_name(record)} comes behind {min(overtaking)}"))
        before[record.seq] = record.event_id
    found += [lost(f"log: {_name(event)} was never published") for event in wanted.values()
              if event.event_id not in seen]  # fmt: skip
    return found


def repeats(log: Iterable[Told]) -> int:
    """How many records repeat an event: what a relay sent and could not note as sent."""
    counts = Counter(record.event_id for record in log)
    return sum(counts.values()) - len(counts)


def check_stream(journal: Iterable[Told], heard: Heard) -> list[Finding]:
    """A listener got each event once; all of them, unless it was told to begin anew."""
    counts = Counter(heard.ids)
    found = [doubled(f"stream: {event_id} was told {n} times") for event_id, n in counts.items() if n > 1]
    if not heard.resets:
        found += [
            lost(f"stream: {_name(event)} was never told") for event in journal
            if event.event_id not in counts
        ]  # fmt: skip
    return found


def check_equal(what: str, expected: Mapping[Any, Any], stored: Mapping[Any, Any]) -> list[Finding]:
    """Two accounts of the same thing, by key."""
    found = []
    for key in expected.keys() | stored.keys():
        one, other = expected.get(key, _NOTHING), stored.get(key, _NOTHING)
        if one != other:
            found.append(mismatch(f"{what} {key}: {other} is stored, {one} follows from the rest"))
    return found


class _Nothing:
    def __repr__(self) -> str:
        return "nothing"


_NOTHING = _Nothing()


def _name(event: Told) -> str:
    return f"{event.type} {event.aggregate_id} seq {event.seq}"
