"""The relay: one leader per database carries what is pending to Kafka, in the order of the journal."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

from shared.events.breathing import Rest
from shared.events.faults import DATABASE_ERRORS
from shared.events.hints import RECORDED, Ears, connector
from shared.events.kafka import KafkaError
from shared.events.migrations import EVENTS_PER_PARTITION
from shared.events.relaying.head import lost_beginnings
from shared.events.relaying.leader import Leadership, LeadershipLost
from shared.events.relaying.publishing import COLUMNS, LogWentBack, Publisher
from shared.events.relaying.republish import continue_republish, epoch_of, is_wanted, order, set_refusal
from shared.events.relaying.rules import BATCH, POLL_S, Scan
from shared.events.relaying.tail import ForeignLog, LostWindow, check_tail, window_page
from shared.events.topics import ensure_topics
from shared.observability import metrics
from shared.observability.logs import get_logger
from shared.settings import Settings

log = get_logger(__name__)

# A stopped leader loses its session after 5 s; whoever waits in the server leads at once then.
FOLLOW_S = 5.0
SEEK_EVERY_S = 0.5
HOUSEKEEPING_S = 1.0
RETRY_LEAST_S = 0.1
RETRY_MOST_S = 2.0

PENDING = f"""
select {COLUMNS} from (select id from outbox_pending where id > $1 order by id limit {BATCH}) p
cross join lateral (select * from events where events.id = p.id offset 0) e order by e.id
"""  # noqa: S608 - constant columns; one look-up per id prunes to its partition

BROKER_FAILURES = (KafkaError, TimeoutError, ConnectionError, LogWentBack)


class Relay:
    """Leads if it can, else waits for its turn."""

    def __init__(self, settings: Settings, service: str) -> None:
        self._settings = settings
        self._service = service
        self._publisher = Publisher(settings.kafka_bootstrap, settings.topic_prefix, service)
        self._wake = asyncio.Event()
        self._ears = Ears(connector(settings, service, "worker"), RECORDED)
        self._ears.listen(RECORDED, self._wake)
        self._scan = Scan()
        self._housekeeping_due = 0.0
        self._partition = 1
        self.leading = False
        self._sure = False
        self._refusal: str | None = None

    @property
    def problem(self) -> str | None:
        """Why it publishes nothing although nobody else leads; None while it does, or follows."""
        if self._refusal is not None or self._sure:
            return self._refusal
        return (
            f"the relay has not compared the end of {', '.join(self._publisher.streams)} with its journal yet"
        )

    async def run(self) -> None:
        """Until cancelled. Leadership lost, by any error of the database, is sought again."""
        await self._ears.start()
        try:
            while True:
                await self._one_reign()
                await asyncio.sleep(SEEK_EVERY_S)
        finally:
            await self._ears.stop()

    async def _one_reign(self) -> None:
        try:
            leadership = await Leadership.acquire(self._settings, self._service)
            # Nothing is missing while another one leads.
            self._sure = leadership is None
            while leadership is None:
                leadership = await Leadership.acquire(self._settings, self._service, wait_s=FOLLOW_S)
        except DATABASE_ERRORS as error:
            log.warning("relay_without_database", error=repr(error))
            return
        self._lead(True)
        try:
            await self._reign(leadership)
        except (LeadershipLost, *DATABASE_ERRORS) as error:
            log.warning("leadership_lost", service=self._service, error=repr(error))
        finally:
            self._lead(False)
            self._sure = False
            await leadership.release()
            await self._publisher.close()

    def _lead(self, leading: bool) -> None:
        self.leading = leading
        metrics.RELAY_LEADER.labels(self._service).set(int(leading))
        if leading:
            log.info("leads", service=self._service)

    async def _reign(self, leadership: Leadership) -> None:
        retry_s = RETRY_LEAST_S
        while True:
            self._scan.failed()
            self._sure = False
            try:
                await self._make_sure(leadership)
                self._sure = True
                retry_s = RETRY_LEAST_S
                await self._pump(leadership)
            except BROKER_FAILURES as error:
                if leadership.lost:
                    raise
                # A producer that failed is never used again, and what the broker kept is looked at anew.
                await self._publisher.close()
                metrics.RELAY_FAILURES.labels(self._service, type(error).__name__).inc()
                log.warning("relay_without_broker", service=self._service, error=repr(error))
                await asyncio.sleep(retry_s)
                retry_s = min(retry_s * 2, RETRY_MOST_S)

    async def _make_sure(self, leadership: Leadership) -> None:
        """Before anything is sent: topics, a republish that was begun, and that the log is ours and whole."""
        await ensure_topics(
            self._settings.kafka_bootstrap, self._settings.topic_prefix, self._publisher.streams
        )
        while True:
            if await is_wanted(leadership):
                await continue_republish(leadership, self._publisher, self._settings)
            epoch = await epoch_of(leadership)
            try:
                lost = await check_tail(
                    leadership, self._publisher, self._settings.kafka_bootstrap, self._service, epoch
                )
            except ForeignLog as refusal:
                await self._refuse(leadership, str(refusal))
                continue
            if self._refusal is not None:
                self._refusal = None
                await set_refusal(leadership, None)
            if lost is not None:
                await self._send_window(leadership, lost)
            # After that: what was sent a moment ago is no replay, nobody may have seen it yet.
            if not await self._was_wiped(leadership):
                return

    async def _was_wiped(self, leadership: Leadership) -> bool:
        """Whether the log lost its beginning; then all of it is to be sent again."""
        gone = await lost_beginnings(leadership, self._publisher, self._settings.kafka_bootstrap)
        if gone:
            log.warning("log_was_wiped", service=self._service, partitions=sorted(map(str, gone)))
            await order(leadership)
        return bool(gone)

    async def _refuse(self, leadership: Leadership, why: str) -> None:
        """Publish nothing until somebody orders a republish."""
        if self._refusal != why:
            log.error("relay_refuses", service=self._service, why=why)
            self._refusal = why
            await set_refusal(leadership, why)
        while not await is_wanted(leadership):  # noqa: ASYNC110 - another process asks, by a row
            await asyncio.sleep(HOUSEKEEPING_S)

    async def _send_window(self, leadership: Leadership, window: LostWindow) -> None:
        """What the broker lost goes out again as it was: it may never have reached anyone."""
        log.warning(
            "republishing_lost", service=self._service, partitions=[str(tp) for tp in window.partitions]
        )
        epoch = await epoch_of(leadership)
        above = window.first_id - 1
        while rows := await window_page(leadership, window, above):
            above = rows[-1]["id"]
            mine = [
                row
                for row in rows
                if self._publisher.place_of(row["type"], row["aggregate_id"]) in window.partitions
            ]
            await self._publisher.send(mine, epoch=epoch)

    async def _pump(self, leadership: Leadership) -> None:
        """Send what is pending, for as long as all goes well and nobody orders a republish."""
        epoch = await epoch_of(leadership)
        loop = asyncio.get_running_loop()
        await self._publisher.open()
        rest = Rest()
        while True:
            if loop.time() >= self._housekeeping_due:
                self._housekeeping_due = loop.time() + HOUSEKEEPING_S
                await self._keep_house(leadership)
                if await is_wanted(leadership):
                    return
            self._wake.clear()
            began = loop.time()
            rows = await leadership.fetch(PENDING, self._scan.above(loop.time()))
            if rows:
                await self._carry(leadership, rows, epoch)
                if len(rows) < BATCH:
                    await asyncio.sleep(rest.after(len(rows), loop.time() - began))
            else:
                await self._woken()

    async def _carry(self, leadership: Leadership, rows: Sequence[Any], epoch: int) -> None:
        await self._publisher.send(rows, epoch=epoch)
        ids = [row["id"] for row in rows]
        await leadership.fetch("delete from outbox_pending where id = any($1::bigint[])", ids)
        self._scan.sent(ids)
        metrics.RELAY_BATCH.labels(self._service).observe(len(rows))
        metrics.RELAY_PUBLISHED.labels(self._service, self._publisher.streams[0]).inc(len(rows))

    async def _woken(self) -> None:
        try:
            async with asyncio.timeout(POLL_S):
                await self._wake.wait()
        except TimeoutError:
            return

    async def _keep_house(self, leadership: Leadership) -> None:
        """The next partition ahead of need, and the gauges."""
        newest = await leadership.value("select last_value from events_id_seq")
        ahead = newest // EVENTS_PER_PARTITION + 1
        if ahead > self._partition:
            await leadership.fetch("select cox_ensure_events_partition($1, $2)", ahead, EVENTS_PER_PARTITION)
            self._partition = ahead
        (row,) = await leadership.fetch(
            """select (select count(*) from (select from outbox_pending limit 1000000) p) as pending,
            (select extract(epoch from now() - e.recorded_at)
                from (select min(id) as id from outbox_pending) m join events e using (id)) as age"""
        )
        metrics.OUTBOX_PENDING.labels(self._service).set(row["pending"])
        metrics.OUTBOX_AGE.labels(self._service).set(float(row["age"] or 0))
