"""What the leader checks before it publishes: the log's end is of this journal, and nothing that was sent is
lost.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from shared.events.envelope import Received, Unplaceable, identity
from shared.events.kafka import Record, TopicPartition
from shared.events.relaying.leader import Leadership
from shared.events.relaying.publishing import COLUMNS, Publisher, last_records
from shared.events.relaying.rules import REPUBLISH_WINDOW_S, behind

DEPTH = 3
COMPARED = 500
"""So many events of a partition, those with the highest ids: a late commit stands among them in the log."""
READ_TIMEOUT_S = 30.0
RECENT = 20_000
WINDOW_MOST = 5_000_000
PAGE = 4000


class ForeignLog(Exception):
    """The log ends with what this journal lacks, or with a later epoch: one of the two was restored."""

    def __init__(self, service: str, tp: TopicPartition, event: Received, what: str) -> None:
        super().__init__(
            f"{service} refuses to publish: {tp} ends with event {event.event_id} ({event.type},"
            f" seq {event.seq} of {event.aggregate_id}), {what}."
            " If the database was restored, run `cox events republish --new-epoch`."
        )


@dataclass(frozen=True, slots=True)
class LostWindow:
    """Partitions whose log misses what was sent, and the journal ids of the window to send again."""

    partitions: frozenset[TopicPartition]
    first_id: int
    last_id: int


async def check_tail(
    leadership: Leadership, publisher: Publisher, bootstrap: str, service: str, epoch: int
) -> LostWindow | None:
    """What the log lost, if it did; `epoch` is the journal's. Raises ForeignLog."""
    lately = await _sent_lately(leadership, publisher)
    depth = DEPTH + max((len(events) for events in lately.events.values()), default=0)
    async with asyncio.timeout(READ_TIMEOUT_S):
        tails = await last_records(bootstrap, publisher.partitions(), depth)
    for tp, records in tails.items():
        event = _newest_ours(records)
        if event is not None and not await _is_journalled(leadership, event):
            raise ForeignLog(service, tp, event, "which its journal does not hold")
        if event is not None and event.epoch > epoch:
            # Consumers drop what is of a lower epoch than the one they know.
            raise ForeignLog(service, tp, event, f"of epoch {event.epoch}, while its own is {epoch}")
    in_log = {tp: {identity(r.key, r.value, r.headers) for r in records} for tp, records in tails.items()}
    partitions = behind(lately.events, in_log)
    return None if not partitions else await _window(leadership, lately, partitions)


async def newest_epoch(publisher: Publisher, bootstrap: str) -> int:
    """The highest epoch that the log ends with; 0 where it is empty."""
    async with asyncio.timeout(READ_TIMEOUT_S):
        tails = await last_records(bootstrap, publisher.partitions(), DEPTH)
    newest = [event.epoch for event in map(_newest_ours, tails.values()) if event is not None]
    return max(newest, default=0)


def _newest_ours(records: list[Record]) -> Received | None:
    """The newest record that can be read as an event: what others may have written is not ours to judge."""
    for record in records:
        try:
            return Received(
                record.topic, record.partition, record.offset, record.timestamp_ms, record.key, record.value,
                record.headers, stream="",
            )  # fmt: skip
        except Unplaceable:
            continue
    return None


async def _is_journalled(leadership: Leadership, event: Received) -> bool:
    return bool(
        await leadership.value(
            "select exists (select from events where aggregate_id = $1 and seq = $2 and event_id = $3)",
            event.aggregate_id, event.seq, event.event_id,
        )
    )  # fmt: skip


@dataclass(frozen=True, slots=True)
class _Lately:
    """What was sent last to each partition; the journal's newest event: its id and when it was recorded."""

    events: Mapping[TopicPartition, Collection[UUID]]
    last_id: int
    last_at: datetime | None


async def _sent_lately(leadership: Leadership, publisher: Publisher) -> _Lately:
    """The newest sent events of each partition, as far back as 60 s."""
    newest = await leadership.fetch("select id, recorded_at from events order by id desc limit 1")
    if not newest:
        return _Lately({}, 0, None)
    last_id, last_at = newest[0]["id"], newest[0]["recorded_at"]
    rows = await leadership.fetch(
        """select e.type, e.aggregate_id, e.event_id from events e
        where e.id > $1 and e.recorded_at > $2::timestamptz - make_interval(secs => $3)
            and not exists (select from outbox_pending p where p.id = e.id)
        order by e.id""",
        last_id - RECENT, last_at, REPUBLISH_WINDOW_S,
    )  # fmt: skip
    sent: dict[TopicPartition, deque[UUID]] = {}
    for row in rows:
        place = publisher.place_of(row["type"], row["aggregate_id"])
        sent.setdefault(place, deque(maxlen=COMPARED)).append(row["event_id"])
    return _Lately(sent, last_id, last_at)


async def _window(
    leadership: Leadership, lately: _Lately, partitions: frozenset[TopicPartition]
) -> LostWindow:
    first_id = await leadership.value(
        """select min(id) from events where id > $1
            and recorded_at > $2::timestamptz - make_interval(secs => $3)""",
        lately.last_id - WINDOW_MOST, lately.last_at, REPUBLISH_WINDOW_S,
    )  # fmt: skip
    return LostWindow(partitions, first_id, lately.last_id)


async def window_page(leadership: Leadership, window: LostWindow, above: int) -> list[Any]:
    """The next rows of the window that were sent (what is pending is the relay's), in id order."""
    return await leadership.fetch(
        f"""select {COLUMNS} from events e where e.id > $1 and e.id <= $2
            and not exists (select from outbox_pending p where p.id = e.id)
        order by e.id limit {PAGE}""",  # noqa: S608 - constant columns
        above, window.last_id,
    )  # fmt: skip
