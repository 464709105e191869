"""One batch, one transaction: fence, decide, effect, positions. What fails is taken apart until the culprit
stands alone, and is set aside."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from time import perf_counter
from typing import NamedTuple
from uuid import UUID

from opentelemetry.trace import SpanKind

from shared.database.transactions import Access, Tx
from shared.events.backbone import Backbone
from shared.events.breathing import Breather
from shared.events.consuming import store
from shared.events.consuming.circuit import Circuit
from shared.events.consuming.decide import Key, Place, Planner, Policy, keys_of
from shared.events.consuming.handlers import HandlerSet, Run, enter_run
from shared.events.envelope import Received, Undecodable, Unplaceable, identity
from shared.events.faults import TRIES, Fault, fault_of, reason_of
from shared.events.kafka import Record
from shared.observability import metrics
from shared.observability.logs import get_logger
from shared.observability.traces import span

log = get_logger(__name__)

Condemned = Mapping[UUID, tuple[str, int]]
LATENCY_SAMPLES = 16


class Stopped(Exception):
    """The consumer stops until a person has looked; the message says at what."""


class NewEpoch(Exception):
    """A projection met a higher epoch of these streams: it must be built anew."""

    def __init__(self, epochs: Mapping[str, int]) -> None:
        super().__init__(str(dict(epochs)))
        self.epochs = dict(epochs)


class Item(NamedTuple):
    """A record of a batch: `received`, or why it has no place. A tuple, because one is made per event."""

    record: Record
    stream: str
    received: Received | None
    problem: str = ""


def read(record: Record, stream: str) -> Item:
    """Read the headers of a record."""
    try:
        received = Received(
            record.topic, record.partition, record.offset, record.timestamp_ms, record.key, record.value,
            record.headers, stream=stream,
        )  # fmt: skip
    except Unplaceable as error:
        return Item(record, stream, None, str(error))
    return Item(record, stream, received)


class Applier:
    """Applies batches for one consumer under one key. `next` holds where it believes each partition to be."""

    def __init__(
        self,
        backbone: Backbone,
        handlers: HandlerSet,
        run: Run,
        policy: Policy,
        *,
        discarded: frozenset[UUID] = frozenset(),
    ) -> None:
        self._backbone = backbone
        self._handlers = handlers
        self._run = run
        self._policy = policy
        self._discarded = discarded
        self._database = backbone.worker if handlers.kind == "projection" else backbone.app
        self.next: dict[tuple[str, int], int] = {}
        self.log_ends: dict[tuple[str, int], int] = {}
        self.circuit = Circuit()

    async def apply(self, items: Sequence[Item], condemned: Condemned | None = None) -> None:
        """Apply a batch. Raises what is no event's fault: Fenced, NewEpoch, Stopped, errors of the
        database.
        """
        condemned = dict(condemned or {})
        try:
            await self._once(items, condemned)
        except Exception as error:
            if _not_the_events_fault(error):
                raise
            unreadable = self._unreadable(items, error) if isinstance(error, Undecodable) else {}
            if unreadable.keys() - condemned.keys():
                # Bytes do not change by trying again: all that cannot be read are set aside together.
                await self.apply(items, {**condemned, **unreadable})
            elif len(items) > 1:
                middle = len(items) // 2
                await self.apply(items[:middle], condemned)
                await self.apply(items[middle:], condemned)
            else:
                await self._alone(items[0], error)

    def _unreadable(self, items: Sequence[Item], error: Undecodable) -> dict[UUID, tuple[str, int]]:
        found = {error.event_id: (reason_of(error), 1)}
        handled = [
            item.received
            for item in items
            if item.received is not None and self._handlers.route(item.received.type).value == "handled"
        ]
        # A handler that reads plain JSON takes what the contract's model refuses; this one asks for the model
        # if it refused what is plain JSON.
        by_model = any(each.event_id == error.event_id and _is_json(each) for each in handled)
        for received in handled:
            try:
                received.data, received.occurred_at  # noqa: B018 - reading is the test
                if by_model:
                    received.event  # noqa: B018
            except Undecodable as unreadable:
                found[received.event_id] = (reason_of(unreadable), 1)
        return found

    async def _alone(self, item: Item, error: Exception) -> None:
        """The event itself, without those that wait behind it, is tried twice more before it is set aside."""
        for attempt in range(2, TRIES + 1):
            await asyncio.sleep(0.01 * attempt)
            try:
                await self._once([item], {}, release=False)
            except Exception as again:
                if _not_the_events_fault(again):
                    raise
                error = again
            else:
                assert item.received is not None  # noqa: S101 - a record without a place calls no handler
                await self.release((item.received.stream, item.received.aggregate_id))
                return
        assert item.received is not None  # noqa: S101
        await self._once([item], {item.received.event_id: (reason_of(error), TRIES)}, release=False)

    async def release(self, key: Key) -> None:
        """Apply what waits behind an aggregate's place, one event a transaction, setting aside what fails."""
        condemned: dict[UUID, tuple[str, int]] = {}
        tries = 0
        while True:
            try:
                if not await self._release_one(key, condemned):
                    return
                tries = 0
            except Exception as error:
                if _not_the_events_fault(error):
                    raise
                tries += 1
                if tries >= TRIES or isinstance(error, Undecodable):
                    condemned = {**condemned, _ANY: (reason_of(error), tries)}

    async def release_ready(self) -> None:
        """Release what waits although nothing is in its way: whoever was to release it ended before."""
        async with self._backbone.worker.transaction() as tx:
            keys = await store.ready(tx.connection, self._run.consumer)
        for key in keys:
            await self.release(key)

    async def _release_one(self, key: Key, condemned: Condemned) -> bool:
        async with self._database.transaction() as tx:
            raw = tx.connection
            places = await store.lock_places(raw, self._run.consumer, [key])
            parked = await store.load_parked(raw, self._run.consumer, [key])
            place = places.get(key)
            successor = parked.get(key, {}).get((place.epoch, place.seq + 1)) if place else None
            if successor is None:
                return False
            if _ANY in condemned:
                condemned = {successor.event_id: condemned[_ANY]}
            plan = Planner[Received](
                self._policy,
                self._handlers.route,
                places,
                parked,
                condemned=condemned,
                discarded=self._discarded,
            )
            plan.feed_parked(key, limit=1)
            await self._effect(tx, plan)
            await self._store(tx, plan, places)
        self._backbone.hint_applied()
        self._count(plan, 1)
        return not plan.dead

    async def _once(self, items: Sequence[Item], condemned: Condemned, *, release: bool = True) -> None:
        began = perf_counter()
        advances = self._advances(items)
        async with self._database.transaction() as tx:
            raw = tx.connection
            await store.fence(raw, self._run.consumer, advances)
            plan, before = await self._decide(tx, items, condemned, release=release)
            if plan.rebuild:
                raise NewEpoch(plan.rebuild)
            await self._effect(tx, plan)
            await self._store(tx, plan, before)
            junk = [
                (i.record, i.stream, identity(i.record.key, i.record.value, i.record.headers), i.problem)
                for i in items
                if i.received is None
            ]
            await store.save_junk(raw, self._run.consumer, junk)
        for advance in advances:
            self.next[advance.stream, advance.partition] = advance.next
        self._backbone.hint_applied()
        self._count(plan, len(items), len(junk), perf_counter() - began)

    def _advances(self, items: Sequence[Item]) -> list[store.Advance]:
        last: dict[tuple[str, int], Item] = {(i.stream, i.record.partition): i for i in items}
        return [
            store.Advance(
                stream,
                partition,
                self.next[stream, partition],
                item.record.offset + 1,
                item.received.event_id
                if item.received is not None
                else identity(item.record.key, item.record.value, item.record.headers),
                datetime.fromtimestamp(max(item.record.timestamp_ms, 0) / 1000, UTC),
                max(self.log_ends.get((stream, partition), 0), item.record.offset + 1),
            )
            for (stream, partition), item in last.items()
        ]

    async def _decide(
        self, tx: Tx, items: Sequence[Item], condemned: Condemned, *, release: bool
    ) -> tuple[Planner[Received], Mapping[Key, Place]]:
        marks = [item.received for item in items if item.received is not None]
        keys = keys_of(marks)
        places = await store.lock_places(tx.connection, self._run.consumer, keys)
        waiting = [key for key, place in places.items() if place.parked]
        parked = await store.load_parked(tx.connection, self._run.consumer, waiting)
        plan = Planner[Received](
            self._policy, self._handlers.route, places, parked, condemned=condemned,
            discarded=self._discarded, release=release,
        )  # fmt: skip
        breather = Breather()
        for mark in marks:
            plan.feed(mark)
            await breather.breathe()
        return plan, places

    async def _effect(self, tx: Tx, plan: Planner[Received]) -> None:
        enter_run(self._run)
        if self._handlers.has_batches and plan.applied:
            with span(
                f"apply {self._handlers.name}",
                traceparent=_newest_trace(plan.applied),
                kind=SpanKind.CONSUMER,
            ):
                await self._apply_batches(tx, plan.applied)
        for received in plan.applied:
            handler = self._handlers.single(received.type)
            if handler is not None:
                await self._become(tx, received.tenant_id)
                with span(
                    f"apply {self._handlers.name}", traceparent=received.traceparent, kind=SpanKind.CONSUMER
                ):
                    await handler(tx, received)

    async def _apply_batches(self, tx: Tx, applied: Sequence[Received]) -> None:
        """All at once for a projection, which sees every tenant; tenant by tenant for a reaction."""
        if self._handlers.kind == "projection":
            await self._handlers.apply_batches(tx, applied)
            return
        for tenant_id in dict.fromkeys(received.tenant_id for received in applied):
            await self._become(tx, tenant_id)
            mine = [received for received in applied if received.tenant_id == tenant_id]
            await self._handlers.apply_batches(tx, mine)

    async def _become(self, tx: Tx, tenant_id: UUID) -> None:
        """A transaction may hold events of several tenants; row-level security follows the one at hand."""
        if tx.access is not None and tx.access.tenant_id == tenant_id:
            return
        tx.access = Access(tenant_id)
        await tx.connection.execute(
            f"set local cox.tenant_id = '{UUID(str(tenant_id))}'; set local cox.user_id = '';"
            " set local cox.visibility = 'tenant'; set local cox.unit_id = ''"
        )

    async def _store(self, tx: Tx, plan: Planner[Received], before: Mapping[Key, Place]) -> None:
        raw = tx.connection
        await store.save_places(raw, self._run.consumer, before, plan.places, plan.tenants)
        await store.save_parking(raw, self._run.consumer, plan)
        await store.save_dead(raw, self._run.consumer, plan)

    def _count(
        self, plan: Planner[Received], events: int, junk: int = 0, seconds: float | None = None
    ) -> None:
        name = self._handlers.name
        topic = self._handlers.streams[0] if len(self._handlers.streams) == 1 else "several"
        for outcome, count in plan.counts.items():
            if count:
                metrics.CONSUMED.labels(name, topic, outcome).inc(count)
        if seconds is not None:
            metrics.CONSUMER_BATCH.labels(name).observe(events)
            metrics.CONSUMER_SECONDS.labels(name).observe(seconds)
        self._observe_latency(plan.applied)
        dead = len(plan.dead) + junk
        for letter in plan.dead:
            log.error("dead_letter", consumer=name, letter=repr(letter.mark), reason=letter.reason)
        self.circuit.add(events, dead)
        if dead and self.circuit.is_open:
            raise Stopped(
                f"{name} stopped: {self.circuit}. See `cox events dead list`, then restart its worker."
            )

    def _observe_latency(self, applied: Sequence[Received]) -> None:
        histogram = metrics.EVENT_LATENCY.labels(self._handlers.name)
        now = self._backbone.clock.now()
        for received in applied[:: max(1, len(applied) // LATENCY_SAMPLES)]:
            if not (received.historic or received.replay):
                try:
                    histogram.observe(max(0.0, (now - received.occurred_at).total_seconds()))
                except Undecodable:
                    continue

    async def resolve(self, letter_id: int) -> None:
        """Do what somebody asked for a dead letter: replay or discard it, then apply what waited behind
        it.
        """
        try:
            key = await self._resolve(letter_id)
        except Exception as error:
            if _not_the_events_fault(error):
                raise
            async with self._backbone.worker.transaction() as tx:
                await store.keep_letter(tx.connection, letter_id, reason_of(error))
            return
        if key is not None:
            await self.release(key)
            self._backbone.hint_applied()

    async def _resolve(self, letter_id: int) -> Key | None:
        async with self._database.transaction() as tx:
            raw = tx.connection
            letter = await store.take_letter(raw, letter_id)
            if letter is None:
                return None
            if letter.event is None:
                if letter.wish == "discard":
                    await store.close_letter(raw, letter_id, "discarded")
                else:
                    await store.keep_letter(raw, letter_id, "the headers do not place the event")
                return None
            return await self._settle_letter(tx, letter, letter.event)

    async def _settle_letter(self, tx: Tx, letter: store.Letter, event: Received) -> Key:
        raw = tx.connection
        key = (event.stream, event.aggregate_id)
        before = await store.lock_places(raw, self._run.consumer, [key])
        plan = Planner[Received](self._policy, self._handlers.route, before, release=False)
        if letter.wish == "discard":
            plan.discard(key, event)
        else:
            plan.retry(key, event)
        if plan.dead:
            await store.keep_letter(raw, letter.id, plan.dead[0].reason)
            return key
        await self._effect(tx, plan)
        await self._store(tx, plan, before)
        await store.close_letter(raw, letter.id, "discarded" if letter.wish == "discard" else "replayed")
        self._count(plan, 1)
        return key


_ANY = UUID(int=0)
"""In `release`: the next event, whichever it is."""


def _is_json(received: Received) -> bool:
    try:
        received.data  # noqa: B018 - reading is the test
    except Undecodable:
        return False
    return True


def _not_the_events_fault(error: Exception) -> bool:
    if isinstance(error, store.Fenced | NewEpoch | Stopped):
        return True
    return fault_of(error) is not Fault.POISON


def _newest_trace(applied: Sequence[Received]) -> str | None:
    return next((r.traceparent for r in reversed(applied) if r.traceparent is not None), None)
