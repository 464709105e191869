"""A partition written by hand, and an applier that reads it: what tests of applying stand on."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID, uuid5

from shared.contracts.base import Event
from shared.events.backbone import Backbone
from shared.events.consuming.applying import Applier, Item, read
from shared.events.consuming.decide import Policy
from shared.events.consuming.handlers import Run
from shared.events.consuming.registry import register
from shared.events.consuming.store import requested
from shared.events.envelope import headers_of
from shared.events.kafka import Record
from shared.events.streams import key_of
from tests.integration.shared.events.conftest import NOON, STREAM, House, started
from tests.integration.shared.events.working import Notes

AT = int(datetime.timestamp(NOON) * 1000)


@dataclass
class Log:
    """A partition, written by hand."""

    tenant: UUID
    records: list[Record] = field(default_factory=list)

    def write(
        self, thing: UUID, seq: int, *, rows: int = 1, value: bytes | None = None, epoch: int = 1,
        replay: bool = False, variant: str = "", **changes: Any,
    ) -> Item:  # fmt: skip
        event: Event = started(rows)
        row = {
            "event_id": uuid5(thing, f"{epoch}/{seq}/{variant}"), "tenant_id": self.tenant,
            "aggregate_id": thing, "aggregate_type": "import", "type": event.type_name(), "seq": seq,
            "occurred_at": NOON,
            "causation_id": None, "traceparent": None, "historic": False, **changes,
        }  # fmt: skip
        headers = headers_of(row, source=b"/services/gateway", epoch=epoch, replay=replay)
        return self.append(
            key_of(thing), event.model_dump_json().encode() if value is None else value, headers
        )

    def take(self, row: Any) -> Item:
        """The record of a row of the journal."""
        headers = headers_of(row, source=b"/services/gateway", epoch=1, replay=False)
        return self.append(key_of(row["aggregate_id"]), row["payload"].encode(), headers)

    def append(self, key: bytes, value: bytes, headers: list[tuple[str, bytes]]) -> Item:
        record = Record(f"p.{STREAM}", 0, len(self.records), AT, key, value, headers)
        self.records.append(record)
        return read(record, STREAM)


@dataclass
class Bench:
    """An applier of one consumer over one partition, and the log that it is fed from."""

    house: House
    notes: Notes
    log: Log

    @property
    def backbone(self) -> Backbone:
        return Backbone(self.house.settings, "gateway", self.house.worker, self.house.app)

    def applier(self, next_offset: int = 0, **policy: Any) -> Applier:
        """A reader that believes to be at `next_offset`."""
        handlers = self.notes.handlers
        run = Run(self.notes.name, 1, rebuilding=False)
        made = Applier(self.backbone, handlers, run, Policy(handlers.kind, **policy))
        made.next[STREAM, 0] = next_offset
        return made

    async def offset(self) -> int:
        return int(await self.house.value("select next from offsets where consumer = $1", self.notes.name))

    async def seq(self, thing: UUID) -> int | None:
        return await self.house.value(  # type: ignore[no-any-return]
            "select seq from positions where consumer = $1 and aggregate_id = $2", self.notes.name, thing
        )

    async def letters(self) -> list[tuple[Any, ...]]:
        return await self.house.rows(
            "select seq, state, attempts from dead_letters where consumer = $1 order by id", self.notes.name
        )

    async def serve(self, applier: Applier) -> None:
        """Do what was asked for dead letters, as the consumer does each second."""
        for letter in await requested(self.house.admin, self.notes.name):
            await applier.resolve(letter)


async def bench_of(house: House, notes: Notes) -> Bench:
    await register(house.worker, "", "p.", [notes.handlers])
    await house.admin.execute(
        "insert into offsets (consumer, stream, partition, next) values ($1, $2, 0, 0)", notes.name, STREAM
    )
    return Bench(house, notes, Log(house.tenant))
