"""Events that cannot be read, what becomes of them, and how people deal with that."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from random import Random
from uuid import UUID

import orjson

from shared.events.consuming.dead_letters import discard_letter, replay_letter
from shared.events.envelope import Received
from tests.chaos.stack import Connection

STAGE_CHANGED = "cox.leads.stage_changed.v1"
READERS = {
    "cox.leads": {"scoring": "scoring.kpis", "activities": "activities.leads"},
    "cox.activities": {"scoring": "scoring.kpis", "leads": "leads.touches"},
}
"""The product's consumers that read the events of a stream, by service. (Reactions pass over history.)"""
NOT_FOR_ALL = frozenset({"cox.leads.response_given.v1"})
"""Of these only some of them."""

Letters = set[tuple[str, UUID]]
"""(consumer, event) of each dead letter."""


@dataclass
class Spoilt:
    """What some events say instead of their truth. `misshapen` ones can be read, but not by scoring."""

    payloads: dict[UUID, str] = field(default_factory=dict)
    misshapen: set[UUID] = field(default_factory=set)
    events: dict[UUID, Received] = field(default_factory=dict)

    def letters(self) -> Letters:
        """The dead letters that must come of it: one for each consumer that cannot take the event."""
        return {
            (consumer, event_id)
            for event_id, event in self.events.items()
            for service, consumer in READERS[event.stream].items()
            if event_id not in self.misshapen or service == "scoring"
        }

    def truth(self) -> dict[UUID, bytes]:
        return {event_id: event.value for event_id, event in self.events.items()}


def spoil(events: Sequence[Received], share: float, chance: Random) -> Spoilt:
    """Make so large a share unreadable: at most one event of an aggregate, since others wait behind it."""
    spoilt, met = Spoilt(), set[UUID]()
    wanted = round(share * len(events))
    for event in chance.sample(events, len(events)):
        if len(spoilt.events) == wanted:
            break
        if event.aggregate_id not in met and event.type not in NOT_FOR_ALL:
            met.add(event.aggregate_id)
            spoilt.events[event.event_id] = event
            spoilt.payloads[event.event_id] = _ruined(event, spoilt, chance)
    return spoilt


def _ruined(event: Received, spoilt: Spoilt, chance: Random) -> str:
    whole = event.value.decode()
    if event.type == STAGE_CHANGED and chance.random() < 0.2:
        spoilt.misshapen.add(event.event_id)
        return orjson.dumps({k: v for k, v in orjson.loads(whole).items() if k != "to_status"}).decode()
    return chance.choice([whole[: len(whole) // 2], f"[{whole}]", "", "null", "not JSON at all"])


def passed(events: Iterable[Received], stopped_at: Iterable[Received]) -> list[Received]:
    """The events that are applied although these were set aside: what is behind one of them waits."""
    first = {event.aggregate_id: event.seq for event in stopped_at}
    return [event for event in events if event.seq < first.get(event.aggregate_id, event.seq + 1)]


async def open_letters(connection: Connection, tenant: UUID) -> Letters:
    """Those of a tenant that nobody has dealt with."""
    rows = await connection.fetch(
        "select consumer, event_id from dead_letters where tenant_id = $1 and resolved_at is null", tenant
    )
    # A generation that a rebuild made reads under a name of its own.
    return {(row["consumer"].partition("#")[0], row["event_id"]) for row in rows}


async def mend(connection: Connection, truth: Mapping[UUID, bytes]) -> None:
    """Put the letters' content right: what a reader that understands it would make of it."""
    await connection.executemany(
        "update dead_letters set value = $2 where event_id = $1 and resolved_at is null", list(truth.items())
    )


async def mend_journal(connection: Connection, truth: Mapping[UUID, bytes]) -> None:
    """Let a journal say what it should have said."""
    await connection.execute(
        """update events e set payload = u.payload from unnest($1::uuid[], $2::text[]) u(event_id, payload)
        where e.event_id = u.event_id""",
        list(truth),
        [value.decode() for value in truth.values()],
    )


async def resolve(connection: Connection, tenant: UUID, discarded: set[UUID]) -> dict[str, int]:
    """Ask for every open letter: these events to be passed over, all others to be tried again."""
    rows = await connection.fetch(
        "select id, event_id from dead_letters where tenant_id = $1 and resolved_at is null", tenant
    )
    asked: dict[str, int] = defaultdict(int)
    for row in rows:
        if row["event_id"] in discarded:
            await discard_letter(connection, row["id"], "a test of what is passed over")
            asked["discarded"] += 1
        else:
            await replay_letter(connection, row["id"])
            asked["replayed"] += 1
    return asked


async def waiting(connection: Connection, tenant: UUID) -> int:
    """How many events wait: letters that nobody dealt with, and what is parked behind them."""
    count: int = await connection.fetchval(
        """select (select count(*) from dead_letters where tenant_id = $1 and resolved_at is null)
        + (select coalesce(sum(parked), 0) from positions where tenant_id = $1)""",
        tenant,
    )
    return count
