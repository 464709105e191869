"""The consumer: from Kafka's log to `Applier`, and everything that can go wrong on the way.

`Projection`, `Reaction` and `current_run` are the names that services use.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Iterable, Sequence
from contextlib import suppress
from time import monotonic

from shared.database.connections import Raw
from shared.errors import Unavailable
from shared.events.backbone import Backbone
from shared.events.breathing import Rest
from shared.events.consuming import store
from shared.events.consuming.ahead import Ahead
from shared.events.consuming.applying import Applier, Item, NewEpoch, Stopped, read
from shared.events.consuming.decide import Policy
from shared.events.consuming.epochs import epochs_of, rebuild_for
from shared.events.consuming.handlers import (
    HandlerSet,
    Matter,
    Projection,
    Reaction,
    Run,
    current_run,
)
from shared.events.consuming.portions import matter_of, portions
from shared.events.consuming.registry import key_of, registered
from shared.events.consuming.seeking import Seeker
from shared.events.envelope import Received
from shared.events.faults import Fault, fault_of, reason_of
from shared.events.kafka import Admin, KafkaError, Lost, Reader, Record, TopicPartition
from shared.events.tasks import end
from shared.events.topics import partitions_of, topic_of
from shared.observability import metrics
from shared.observability.logs import get_logger

__all__ = ["ConsumerRunner", "Projection", "Reaction", "Received", "current_run"]

log = get_logger(__name__)

POLL_MS = 500
POLL_MOST = 5000
SMALL = 1000
"""Fewer records than this are a small round: what one costs whatever it carries outweighs them."""
SERVE_EVERY_S = 1.0
COMMIT_EVERY_S = 1.0
WATCH_EVERY_S = 10.0
STALLED_AFTER_S = 60.0
QUICK_TRIES = 3
PAUSE_MOST_S = 5.0
RESTART_MOST_S = 5.0
AWAY_S = 0.5


class Stalled(Exception):
    """There is something to read and nothing was read for a minute: the client is given up for a new one."""


class ConsumerRunner:
    """Runs one handler set until cancelled.

    With `generation`, it builds that generation beside the live one (a rebuild): it reads all partitions
    from the beginning, outside any consumer group, under a name of its own; compare and swap with
    `registry.lock_offsets` and `registry.move_pointer`.
    """

    def __init__(self, backbone: Backbone, handlers: HandlerSet, *, generation: int | None = None) -> None:
        self.handlers = handlers
        self.name = handlers.name
        self.problem: str | None = None
        """Why it stands still, for people; None while it runs."""
        self.ready = asyncio.Event()
        """It has its partitions, or knows that others have them."""
        self._backbone = backbone
        self._rebuilt = generation
        self._applier: Applier | None = None
        self._seeker: Seeker | None = None
        self._failures: dict[TopicPartition, int] = {}
        self._committing: asyncio.Task[None] | None = None
        self._due = {"serve": 0.0, "commit": 0.0}
        self._rest = Rest()
        self._moved_at = monotonic()

    async def run(self) -> None:
        """Consume until cancelled; a client that fails is replaced after a pause that grows to 5 s."""
        pause = 0.1
        while True:
            began = monotonic()
            try:
                await self._watched_session()
            except Stopped as stopped:
                self._report(str(stopped))
                await asyncio.Event().wait()
            except Exception as error:  # noqa: BLE001 - whatever it is, consuming goes on
                log.warning("consumer_restarts", consumer=self.name, error=reason_of(error))
            pause = 0.1 if monotonic() - began > 30 else min(pause * 2, RESTART_MOST_S)
            await asyncio.sleep(pause)

    async def _watched_session(self) -> None:
        session = asyncio.create_task(self._session(), name=f"consumer {self.name}")
        watch = asyncio.create_task(self._watch(), name=f"watchdog {self.name}")
        try:
            await asyncio.wait({session, watch}, return_when=asyncio.FIRST_COMPLETED)
            for task in (session, watch):
                if task.done():
                    task.result()
        finally:
            await end([session, watch])

    async def _session(self) -> None:
        """One Kafka client's life."""
        backbone = self._backbone
        topics = [topic_of(stream, backbone.prefix) for stream in self.handlers.streams]
        group = None if self._rebuilt else f"{backbone.prefix}{self.name}"
        client_id = f"cox-{self.name}" + (f"@{backbone.seat}" if backbone.seat else "")
        self._applier = await self._new_applier()
        reader = Reader(backbone.bootstrap, client_id, group=group)
        ahead = Ahead(reader, self._take, POLL_MOST)
        self._seeker = Seeker(
            backbone, reader, self._applier, self.name, self._key, live=self._rebuilt is None
        )
        self._moved_at = monotonic()
        try:
            await reader.start()
            if group is None:
                reader.assign(partitions_of(self.handlers.streams, backbone.prefix))
            else:
                if backbone.seat:
                    await expel_predecessor(backbone.bootstrap, group, client_id)
                reader.subscribe(topics)
            while True:
                await self._turn(reader, ahead, self._seeker, self._applier)
        finally:
            await ahead.stop()
            await reader.stop()

    async def _new_applier(self) -> Applier:
        async with self._backbone.worker.transaction() as tx:
            row = await registered(tx.connection, self.name)
            if row is None:
                raise LookupError(f"{self.name} is not registered")
            generation = self._rebuilt or row.generation
            self._key = key_of(self.name, generation)
            epochs = await epochs_of(tx.connection, self._key)
            discarded = await store.discarded(tx.connection, self.name)
        policy = Policy(self.handlers.kind, row.adopts, epochs)
        run = Run(self._key, generation, rebuilding=self._rebuilt is not None)
        return Applier(self._backbone, self.handlers, run, policy, discarded=discarded)

    def _take(self, record: Record) -> Item:
        item = read(record, record.topic.removeprefix(self._backbone.prefix))
        if item.received is not None:
            self.handlers.prepare(item.received)
        return item

    async def _turn(self, reader: Reader, ahead: Ahead, seeker: Seeker, applier: Applier) -> None:
        try:
            await seeker.place_held()
        except Unavailable as error:
            # Our database is away. The client is kept: a new one would have its group deal anew, each time.
            log.warning("consumer_without_database", consumer=self.name, error=reason_of(error))
            self._moved_at = monotonic()
            await asyncio.sleep(AWAY_S)
            return
        self._report(seeker.problem)
        if reader.assignment() or self._rebuilt is None:
            self.ready.set()
        try:
            items = await ahead.next(POLL_MS if not reader.held else 100)
        except Lost as lost:
            seeker.hold(lost.partitions)
            return
        except KafkaError as error:
            # What is wrong with the group or a topic is told here; the client itself goes on trying.
            log.warning("consumer_poll_failed", consumer=self.name, error=repr(error))
            await asyncio.sleep(0.5)
            return
        began = monotonic()
        if len(items) >= SMALL:
            ahead.begin()
        items = await seeker.checked(items)
        if items:
            await self._consume(items, reader, seeker, applier)
        await self._serve(seeker, applier)
        self._moved_at = monotonic()
        if 0 < len(items) < SMALL:
            await asyncio.sleep(self._rest.after(len(items), self._moved_at - began))

    async def _consume(self, items: Sequence[Item], reader: Reader, seeker: Seeker, applier: Applier) -> None:
        for tp in _partitions(items):
            stream = tp.topic.removeprefix(self._backbone.prefix)
            applier.log_ends[stream, tp.partition] = reader.log_end(tp) or 0
        # Beside what is held: a partition that was taken away meanwhile cannot be.
        broken_off: set[TopicPartition] = set()
        for portion in portions(items, self.handlers, await self._matters(items)):
            # What stands behind something that was not applied would move the offset over it.
            if (reader.held | broken_off).isdisjoint(_partitions(portion)):
                broken_off.update(await self._apply(portion, seeker, applier))
                self._moved_at = monotonic()
            else:
                broken_off.update(_partitions(portion))
                seeker.hold(tp for tp in _partitions(portion) if tp not in reader.held)
        self._hint_commit(reader, applier)

    async def _matters(self, items: Sequence[Item]) -> Collection[Matter]:
        """In which of these events' matters the handlers act."""
        handlers = self.handlers
        matters = {matter for item in items if (matter := matter_of(item, handlers)) is not None}
        if len(items) <= handlers.max_batch or not isinstance(handlers, Reaction) or handlers.heeds_all:
            return matters
        try:
            async with self._backbone.worker.transaction() as tx:
                return await handlers.heeded(tx, matters)
        except Exception as error:
            if fault_of(error) is not Fault.PASSING:
                raise
            return matters

    async def _apply(
        self, items: Sequence[Item], seeker: Seeker, applier: Applier
    ) -> Collection[TopicPartition]:
        """Apply, try again what may pass, and hold what does not: the partitions that have something left."""
        for attempt in range(QUICK_TRIES):
            left = self._left(items, applier)
            if not left:
                return ()
            try:
                await applier.apply(left)
            except store.Fenced as fenced:
                log.info("consumer_fenced", consumer=self.name, why=str(fenced))
                seeker.hold(_partitions(left), pause_s=0.1)
                return _partitions(left)
            except NewEpoch as found:
                await rebuild_for(self._backbone, self.handlers, self._key, found.epochs)
                raise
            except Stopped:
                raise
            except Exception as error:
                metrics.CONSUMER_RETRIES.labels(self.name, type(error).__name__).inc()
                if fault_of(error) is Fault.BROKEN:
                    log.exception("consumer_broken", consumer=self.name)
                await asyncio.sleep(0.05 * 4**attempt)
                last = error
            else:
                self._forgive(left)
                return ()
        return await self._hold_failing(items, last, seeker, applier)

    async def _hold_failing(
        self, items: Sequence[Item], error: Exception, seeker: Seeker, applier: Applier
    ) -> Collection[TopicPartition]:
        """Partition by partition once more: those that still fail pause, the others go on. Which they are."""
        partitions, failing = _partitions(self._left(items, applier)), list[TopicPartition]()
        for tp in partitions:
            mine = [item for item in self._left(items, applier) if _partition(item) == tp]
            try:
                if len(partitions) > 1:
                    await applier.apply(mine)
                    continue
            except (NewEpoch, Stopped):
                raise
            except Exception as again:  # noqa: BLE001 - told with the pause below
                error = again
            self._failures[tp] = self._failures.get(tp, 0) + 1
            pause = min(PAUSE_MOST_S, 0.5 * 2 ** self._failures[tp])
            log.warning("partition_paused", consumer=self.name, partition=str(tp), error=reason_of(error))
            seeker.hold([tp], pause_s=pause)
            failing.append(tp)
        return failing

    def _left(self, items: Sequence[Item], applier: Applier) -> list[Item]:
        """What of the batch is not committed yet."""
        return [
            item
            for item in items
            if item.record.offset >= applier.next.get((item.stream, item.record.partition), 0)
        ]

    def _forgive(self, items: Sequence[Item]) -> None:
        if self._failures:
            for tp in _partitions(items):
                self._failures.pop(tp, None)

    async def _serve(self, seeker: Seeker, applier: Applier) -> None:
        """Replays and discards that people asked for, what was left waiting by one that ended, and places
        that are not where we believe.
        """
        if monotonic() < self._due["serve"]:
            return
        self._due["serve"] = monotonic() + SERVE_EVERY_S
        try:
            async with self._backbone.worker.transaction() as tx:
                letters = await store.requested(tx.connection, self._key)
                parked = await self._gauge(tx.connection)
                strayed = await seeker.strayed(tx.connection)
            if strayed:
                log.info("consumer_strayed", consumer=self.name, partitions=[str(tp) for tp in strayed])
                seeker.hold(strayed)
            for letter in letters:
                await applier.resolve(letter)
            if parked:
                await applier.release_ready()
        except Exception as error:
            if fault_of(error) is not Fault.PASSING or isinstance(error, Stopped):
                raise

    async def _gauge(self, raw: Raw) -> int:
        """How many events are parked; told to the metrics, with the dead letters."""
        row = await raw.fetchrow(
            """select (select count(*) from parked where consumer = $1) as parked,
            (select count(*) from dead_letters where consumer = $1 and resolved_at is null) as dead""",
            self._key,
        )
        assert row is not None  # noqa: S101 - two counts are always one row
        metrics.PARKED.labels(self.name).set(row["parked"])
        metrics.DEAD_LETTERS.labels(self.name).set(row["dead"])
        return int(row["parked"])

    def _hint_commit(self, reader: Reader, applier: Applier) -> None:
        """Tell the group how far we are: at most once a second, beside the work, and nothing rests on it."""
        if self._rebuilt or monotonic() < self._due["commit"]:
            return
        if self._committing is not None and not self._committing.done():
            return
        self._due["commit"] = monotonic() + COMMIT_EVERY_S
        offsets = {
            TopicPartition(topic_of(stream, self._backbone.prefix), partition): next_offset
            for (stream, partition), next_offset in applier.next.items()
        }
        self._committing = asyncio.create_task(_commit(reader, offsets))

    async def _watch(self) -> None:
        """Ends the session when it hangs, or has something to read and reads nothing."""
        before: dict[TopicPartition, int] = {}
        since = monotonic()
        while True:
            await asyncio.sleep(WATCH_EVERY_S)
            if monotonic() - self._moved_at > 2 * STALLED_AFTER_S:
                raise Stalled(f"{self.name}: no turn for {monotonic() - self._moved_at:.0f} s")
            places = self._seeker.reading() if self._seeker is not None else {}
            lag = await self._lag(places)
            if places != before or lag == 0:
                before, since = places, monotonic()
            elif monotonic() - since > STALLED_AFTER_S:
                raise Stalled(f"{self.name}: {lag} records to read and none was read")

    async def _lag(self, places: dict[TopicPartition, int]) -> int:
        assert self._seeker is not None or not places  # noqa: S101
        try:
            bounds = await self._seeker.bounds(places) if self._seeker is not None else {}
        except (KafkaError, TimeoutError, OSError):
            return 0
        total = 0
        for tp, offset in places.items():
            lag = max(0, bounds[tp][1] - offset)
            total += lag
            metrics.CONSUMER_LAG.labels(self.name, tp.topic, str(tp.partition)).set(lag)
        return total

    def _report(self, problem: str | None) -> None:
        if problem != self.problem:
            self.problem = problem
            metrics.CONSUMER_STOPPED.labels(self.name).set(0 if problem is None else 1)
            if problem is not None:
                log.error("consumer_stopped", consumer=self.name, why=problem)


async def expel_predecessor(bootstrap: str, group: str, client_id: str) -> None:
    """Whoever had our seat and was killed still counts as a member, and would keep us waiting for 30 s."""
    try:
        async with Admin(bootstrap) as admin:
            if await admin.expel(group, client_id):
                log.info("predecessor_expelled", group=group)
    except (KafkaError, OSError, TimeoutError, ValueError) as error:
        # The session's end does the same, later.
        log.warning("predecessor_not_expelled", group=group, error=repr(error))


async def _commit(reader: Reader, offsets: dict[TopicPartition, int]) -> None:
    with suppress(Exception):
        await reader.commit(offsets)


def _partition(item: Item) -> TopicPartition:
    return TopicPartition(item.record.topic, item.record.partition)


def _partitions(items: Iterable[Item]) -> list[TopicPartition]:
    return sorted(TopicPartition(*tp) for tp in {(i.record.topic, i.record.partition) for i in items})
