"""Timers: what becomes due is a row; the generation of its kind says whether it still counts."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import orjson
from sqlalchemy import Table

from shared.database.connections import Raw
from shared.database.transactions import Access, Tx
from shared.events.backbone import Backbone
from shared.events.faults import Fault, fault_of, reason_of
from shared.events.timing.rules import TRIES, next_try, still_counts
from shared.ids import new_id
from shared.observability import metrics
from shared.observability.logs import get_logger

log = get_logger(__name__)

POLL_S = 0.5
CONSUMER = "timer:"


@dataclass(frozen=True, slots=True)
class Timer:
    """A timer that fires. `payload` is what was given when it was scheduled."""

    id: UUID
    tenant_id: UUID
    kind: str
    aggregate_id: UUID
    due_at: datetime
    payload: dict[str, Any]


Handler = Callable[[Tx, Timer], Awaitable[None]]
Lock = Callable[[Tx, UUID], Awaitable[None]]
Due = tuple[UUID, datetime, dict[str, Any]]
"""The aggregate, when, and the payload."""

_SCHEDULE = """with r as (
    select * from unnest($3::uuid[], $4::uuid[], $5::timestamptz[], $6::text[])
      as r(aggregate_id, id, due_at, payload)),
g as (
    insert into timer_generations as t (tenant_id, kind, aggregate_id, generation)
    select $1, $2, r.aggregate_id, 1 from r order by r.aggregate_id
    on conflict (tenant_id, kind, aggregate_id) do update set generation = t.generation + 1
    returning aggregate_id, generation)
insert into timers (tenant_id, id, kind, aggregate_id, generation, due_at, fire_at, payload)
select $1, r.id, $2, r.aggregate_id, g.generation, r.due_at, r.due_at, r.payload
from r join g using (aggregate_id)
"""


async def schedule(
    tx: Tx, kind: str, aggregate_id: UUID, due_at: datetime, payload: dict[str, Any] | None = None
) -> None:
    """Let a timer of this kind fire at `due_at`; an earlier one of the same kind and aggregate counts no
    more.
    """
    await schedule_many(tx, kind, [(aggregate_id, due_at, payload or {})])


async def schedule_many(tx: Tx, kind: str, due: Sequence[Due], *, tenant_id: UUID | None = None) -> None:
    """The same for many aggregates, by one statement; each stands there once. `tenant_id`: for projections,
    whose transactions are of no tenant.
    """
    if due:
        ids, moments, payloads = zip(*due, strict=True)
        told = [orjson.dumps(payload).decode() for payload in payloads]
        ids_of_timers = [new_id() for _ in due]
        tenant = tenant_id or _tenant(tx)
        await tx.connection.execute(_SCHEDULE, tenant, kind, ids, ids_of_timers, moments, told)


async def cancel(tx: Tx, kind: str, aggregate_id: UUID) -> None:
    """What was scheduled of this kind for this aggregate counts no more."""
    await tx.connection.execute(
        "update timer_generations set generation = generation + 1"
        " where tenant_id = $1 and kind = $2 and aggregate_id = $3",
        _tenant(tx), kind, aggregate_id,
    )  # fmt: skip


async def forget(tx: Tx, kind: str, aggregate_id: UUID) -> None:
    """For a handler, of an aggregate that no timer of this kind is ever scheduled for again."""
    await tx.connection.execute(
        "delete from timer_generations where tenant_id = $1 and kind = $2 and aggregate_id = $3",
        _tenant(tx), kind, aggregate_id,
    )  # fmt: skip


def _tenant(tx: Tx) -> UUID:
    if tx.tenant_id is None:
        raise ValueError("timers belong to a transaction of a tenant")
    return tx.tenant_id


@dataclass(frozen=True, slots=True)
class _Kind:
    handler: Handler
    lock: Table | Lock | None


class Timers:
    """The handlers of a service's timers, by kind."""

    def __init__(self) -> None:
        self._kinds: dict[str, _Kind] = {}

    def on(self, kind: str, *, lock: Table | Lock | None = None) -> Callable[[Handler], Handler]:
        """The handler is awaited when a timer of this kind fires and still counts.

        `lock` is the table of its aggregate: the row is locked before the generation is compared, as
        everywhere else; or a function that locks it with what comes before it in the house's order. Without
        it the generation itself is locked.
        """

        def register(handler: Handler) -> Handler:
            if kind in self._kinds:
                raise ValueError(f"two handlers of timer {kind}")
            self._kinds[kind] = _Kind(handler, lock)
            return handler

        return register

    async def run(self, backbone: Backbone) -> None:
        """Fire what is due, until cancelled."""
        while True:
            try:
                await self.serve_letters(backbone)
                fired = await self.fire_due(backbone)
            except Exception as error:  # noqa: BLE001 - the database is away; it comes back
                log.warning("timers_wait", error=reason_of(error))
                fired = False
            if not fired:
                await asyncio.sleep(POLL_S)

    async def fire_due(self, backbone: Backbone) -> bool:
        """Fire up to 100 timers that are due, each in a transaction of its own; whether there was any."""
        async with backbone.worker.transaction() as tx:
            rows = await tx.connection.fetch(
                "select tenant_id, id from timers where fire_at <= $1 and kind = any($2::text[])"
                " order by fire_at limit 100",
                backbone.clock.now(), list(self._kinds),
            )  # fmt: skip
        for row in rows:
            await self._fire(backbone, row["tenant_id"], row["id"])
        return bool(rows)

    async def _fire(self, backbone: Backbone, tenant_id: UUID, timer_id: UUID) -> None:
        try:
            async with backbone.app.transaction(Access(tenant_id)) as tx:
                await self._fire_in(tx, backbone, timer_id)
        except Exception as error:
            if fault_of(error) is Fault.PASSING:
                raise
            await self._failed(backbone, tenant_id, timer_id, reason_of(error))

    async def _fire_in(self, tx: Tx, backbone: Backbone, timer_id: UUID) -> None:
        raw = tx.connection
        row = await raw.fetchrow(
            "select * from timers where tenant_id = $1 and id = $2 and fire_at <= $3 for update skip locked",
            tx.tenant_id, timer_id, backbone.clock.now(),
        )  # fmt: skip
        if row is None:
            return
        kind = self._kinds[row["kind"]]
        current = await _current_generation(tx, row, kind.lock)
        counts = still_counts(row["generation"], current)
        if counts:
            payload = orjson.loads(row["payload"])
            timer = Timer(
                row["id"], row["tenant_id"], row["kind"], row["aggregate_id"], row["due_at"], payload
            )
            await kind.handler(tx, timer)
            delay = (backbone.clock.now() - row["due_at"]).total_seconds()
            metrics.TIMER_DELAY.labels(row["kind"]).observe(max(0.0, delay))
        await raw.execute("delete from timers where tenant_id = $1 and id = $2", tx.tenant_id, timer_id)
        metrics.TIMERS_FIRED.labels(row["kind"], "fired" if counts else "outdated").inc()

    async def _failed(self, backbone: Backbone, tenant_id: UUID, timer_id: UUID, reason: str) -> None:
        """Later again, or set aside after too many tries."""
        async with backbone.worker.transaction() as tx:
            row = await tx.connection.fetchrow(
                "update timers set attempts = attempts + 1 where tenant_id = $1 and id = $2 returning *",
                tenant_id, timer_id,
            )  # fmt: skip
            if row is None:
                return
            metrics.TIMERS_FIRED.labels(row["kind"], "failed").inc()
            if row["attempts"] >= TRIES:
                await _set_aside(tx.connection, row, reason)
                log.error("timer_dead", kind=row["kind"], timer=str(timer_id), reason=reason)
            else:
                await tx.connection.execute(
                    "update timers set fire_at = $3 where tenant_id = $1 and id = $2",
                    tenant_id, timer_id, next_try(backbone.clock.now(), row["attempts"]),
                )  # fmt: skip

    async def serve_letters(self, backbone: Backbone) -> None:
        """Timers among the dead letters that somebody asked to replay or discard."""
        async with backbone.worker.transaction() as tx:
            rows = await tx.connection.fetch(
                "select * from dead_letters where consumer = any($1::text[]) and resolved_at is null"
                " and state in ('replay', 'discard') order by id limit 100 for update skip locked",
                [CONSUMER + kind for kind in self._kinds],
            )
            for row in rows:
                if row["state"] == "replay":
                    await _put_back(tx.connection, row, backbone.clock.now())
                state = "replayed" if row["state"] == "replay" else "discarded"
                await tx.connection.execute(
                    "update dead_letters set state = $2, resolved_at = now() where id = $1", row["id"], state
                )


_GENERATION = """select generation from timer_generations
where tenant_id = $1 and kind = $2 and aggregate_id = $3"""


async def _current_generation(tx: Tx, row: Any, lock: Table | Lock | None) -> int | None:
    """The generation that counts, read under the lock that everybody who changes it holds."""
    raw = tx.connection
    if isinstance(lock, Table):
        await raw.execute(
            f'select 1 from "{lock.name}" where tenant_id = $1 and id = $2 for update',  # noqa: S608
            row["tenant_id"], row["aggregate_id"],
        )  # fmt: skip
    elif lock is not None:
        await lock(tx, row["aggregate_id"])
    generation: int | None = await raw.fetchval(
        _GENERATION if lock is not None else f"{_GENERATION} for update",
        row["tenant_id"], row["kind"], row["aggregate_id"],
    )  # fmt: skip
    return generation


async def _set_aside(raw: Raw, row: Any, reason: str) -> None:
    content = {
        "due_at": row["due_at"].isoformat(),
        "generation": row["generation"],
        "payload": row["payload"],
    }
    await raw.execute(
        """insert into dead_letters (consumer, event_id, reason, attempts, type, tenant_id, stream,
        aggregate_id,
            topic, partition, "offset", timestamp_ms, headers, value)
        values ($1, $2, $3, $4, $5, $6, '', $7, '', 0, 0, 0, '[]', $8)
        on conflict (consumer, event_id) do update set reason = excluded.reason, state = 'waiting',
            resolved_at = null, attempts = dead_letters.attempts + excluded.attempts""",
        CONSUMER + row["kind"], row["id"], reason, row["attempts"], row["kind"], row["tenant_id"],
        row["aggregate_id"], orjson.dumps(content),
    )  # fmt: skip
    await raw.execute("delete from timers where tenant_id = $1 and id = $2", row["tenant_id"], row["id"])


async def _put_back(raw: Raw, row: Any, now: datetime) -> None:
    content = orjson.loads(row["value"])
    await raw.execute(
        """insert into timers (tenant_id, id, kind, aggregate_id, generation, due_at, fire_at, payload)
        values ($1, $2, $3, $4, $5, $6, $7, $8) on conflict do nothing""",
        row["tenant_id"], row["event_id"], row["type"], row["aggregate_id"], content["generation"],
        datetime.fromisoformat(content["due_at"]), now, content["payload"],
    )  # fmt: skip
