"""Events as services record them: leads with their ups and downs, calls and visits, the same by a seed."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import asyncpg
import orjson

from shared.ids import new_id

Row = dict[str, Any]
"""A row of the journal, by the names of its columns."""

DAYS = 90
_STAGES = ("prospecting", "qualified", "proposal", "negotiation")
_REGIONS = ("north", "south", "east", "west", "centre")
_PRODUCTS = tuple(f"product-{number}" for number in range(8))
_CHANNELS = ("web", "phone", "exhibition", "referral", "partner")
_KINDS = ("call", "call", "visit", "email", "meeting", "demo", "message", "task")
JOURNAL = (
    "tenant_id", "event_id", "type", "aggregate_type", "aggregate_id", "seq", "occurred_at", "causation_id",
    "traceparent", "historic", "payload",
)  # fmt: skip


@dataclass
class History:
    """What happens to the leads of a company up to now; `people` are its (rep, team) pairs."""

    tenant: UUID
    people: Sequence[tuple[UUID, UUID]] = field(default_factory=lambda: made_up(200, 25))
    seed: int = 7

    def __post_init__(self) -> None:
        self.chance = random.Random(self.seed)
        self.credits: list[dict[str, Any]] = [
            {
                "rep_id": str(rep), "team_id": str(team), "team_path": [str(self.tenant), str(team)],
                "team_region": _REGIONS[team.int % len(_REGIONS)],
            }
            for rep, team in self.people
        ]  # fmt: skip
        self.start = datetime.now(UTC).replace(minute=0, second=0, microsecond=0) - timedelta(days=DAYS)

    def events(self, count: int) -> Iterator[Row]:
        """So many events, lead after lead, each lead's in their order."""
        made = 0
        while made < count:
            for row in self._lead():
                yield row
                made += 1
                if made == count:
                    return

    def activities(self, count: int) -> Iterator[Row]:
        """So many recorded activities, each an aggregate of its own."""
        for _ in range(count):
            credit, dimensions = self.chance.choice(self.credits), self._dimensions()
            yield self._activity(new_id(), credit, dimensions, self._moment())

    def _moment(self) -> datetime:
        return self.start + timedelta(seconds=self.chance.randrange(DAYS * 86_400))

    def _dimensions(self) -> dict[str, str]:
        pick = self.chance.choice
        return {"region": pick(_REGIONS), "product": pick(_PRODUCTS), "channel": pick(_CHANNELS)}

    def _lead(self) -> Iterator[Row]:
        lead, credit, dimensions = new_id(), self.chance.choice(self.credits), self._dimensions()
        at, value = self._moment(), self._value()
        common = {"credit": credit, "dimensions": dimensions}
        yield self._row("leads", "lead_created", "lead", lead, 1, at, {
            **common, "source": "web", "pipeline_id": str(self.tenant), "stage": _STAGES[0], "value": value,
            "start_known": True, "duplicate_of": None, "created_by": credit["rep_id"],
        })  # fmt: skip
        yield self._row("leads", "lead_assigned", "lead", lead, 2, at + timedelta(minutes=1), {
            **common, "previous_owner_id": None, "how": "rule", "rule_id": str(self.tenant),
        })  # fmt: skip
        yield self._activity(lead, credit, dimensions, at + timedelta(hours=2))
        moves = self.chance.randint(1, len(_STAGES))
        for step in range(moves):
            yield self._move(lead, 3 + step, at + timedelta(hours=6 * (step + 1)), common, step, moves, value)
            if self.chance.random() < 0.5:
                yield self._activity(lead, credit, dimensions, at + timedelta(hours=6 * step + 7))

    def _move(
        self, lead: UUID, seq: int, at: datetime, common: Row, step: int, moves: int, value: Row
    ) -> Row:  # fmt: skip
        status = self.chance.choice(("won", "lost")) if step + 1 == moves else "open"
        to = _STAGES[step + 1] if status == "open" else status
        return self._row("leads", "stage_changed", "lead", lead, seq, at, {
            **common, "from_stage": _STAGES[step], "to_stage": to, "from_status": "open", "to_status": status,
            "duration_s": 21_600, "reason_code": None, "value": value if status != "open" else None,
        })  # fmt: skip

    def _activity(self, lead: UUID, credit: Row, dimensions: Row, at: datetime) -> Row:
        return self._row("activities", "activity_recorded", "activity", new_id(), 1, at, {
            "kind": self.chance.choice(_KINDS), "lead_id": str(lead), "owner_id": credit["rep_id"],
            "credit": credit, "dimensions": dimensions, "outcome": "reached", "duration_s": 300,
            "effective": self.chance.random() < 0.8,
        })  # fmt: skip

    def _value(self) -> Row:
        minor = self.chance.randrange(10_000, 5_000_000)
        amount = f"{minor // 100}.{minor % 100:02d}"
        return {"amount": amount, "currency": "USD", "tenant_minor": minor, "tenant_currency": "USD"}

    def _row(
        self, service: str, name: str, kind: str, aggregate: UUID, seq: int, at: datetime, payload: Row
    ) -> Row:  # fmt: skip
        return {
            "tenant_id": self.tenant, "event_id": new_id(), "type": f"cox.{service}.{name}.v1",
            "aggregate_type": kind, "aggregate_id": aggregate, "seq": seq, "occurred_at": at,
            "causation_id": None, "traceparent": f"00-{aggregate.hex}-{aggregate.hex[:16]}-01",
            "historic": False, "payload": orjson.dumps(payload).decode(),
        }  # fmt: skip


def made_up(reps: int, teams: int) -> list[tuple[UUID, UUID]]:
    """(rep, team) pairs that nobody knows."""
    ids = [new_id() for _ in range(teams)]
    return [(new_id(), ids[number % teams]) for number in range(reps)]


async def store_tenant(connection: asyncpg.Connection[asyncpg.Record], tenant: UUID) -> None:
    """The tenant as the directory of a service knows it: numbers need its time zone."""
    await connection.execute(
        "insert into org_tenants (tenant_id, name, timezone, currency) values ($1, 'Bench', 'UTC', 'USD')",
        tenant,
    )


async def record(connection: asyncpg.Connection[asyncpg.Record], rows: list[Row]) -> None:
    """Into a journal by COPY, pending all of them."""
    async with connection.transaction():
        await connection.copy_records_to_table(
            "events", columns=JOURNAL, records=[tuple(row[name] for name in JOURNAL) for row in rows]
        )
        await connection.execute("insert into outbox_pending select id from events order by id")
    await connection.execute("vacuum analyze outbox_pending")
